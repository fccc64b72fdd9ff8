// SPDX-License-Identifier: MIT
/* Entity definitions: what is accepted, what it becomes, what is refused; ids and names. */
#include "value/schema.h"

#include "tests/unit/value/quoted.h"
#include "tests/unit/test.h"

static hb_status parse(const char *json, hb_schema **out, hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    hb_err_init(err);
    hb_status status = quoted_pack(json, &pack, err);
    CHECK_INT(status, HB_OK);
    *out = NULL;
    if (status == HB_OK) status = hb_schema_parse(hb_buf_str(&pack), hb_mem_default(), out, err);
    hb_buf_free(&pack);
    return status;
}

static void check_pack(hb_str pack, const char *want) {
    hb_buf json;
    hb_buf wanted;
    hb_err err;
    hb_buf_init(&json, hb_mem_default());
    hb_buf_init(&wanted, hb_mem_default());
    quoted_json(want, &wanted);
    CHECK_INT(hb_pack_to_json(pack, 0, false, &json, &err), HB_OK);
    CHECK_BYTES(json.ptr, json.len, wanted.ptr, wanted.len);
    hb_buf_free(&wanted);
    hb_buf_free(&json);
}

#define TEXT255 "{'type':'short-text','max_chars':255}"

/* Definition and its canonical form. */
static const struct {
    const char *name, *in, *want;
} accepted[] = {
    { "type texts", "{'name':'Thing','fields':{'a':'ShortText','b':'Integer',"
      "'c':'interval','e':'Vector[2]'}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':" TEXT255 "},"
      "'b':{'type':{'type':'integer'}},'c':{'type':{'type':'duration'}},"
      "'e':{'type':{'type':'vector','dim':2}}}}" },
    { "dtype key", "{'name':'Thing','fields':{'a':{'dtype':'integer'}}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'integer'}}}}" },
    { "field list", "{'entity_id':'my-thing','fields':[{'name':'a','type':'date'}]}",
      "{'entity_id':'my-thing','name':'MyThing','fields':{'a':{'type':{'type':'date'}}}}" },
    { "nested arrays", "{'name':'Thing','fields':{'a':'array[array[integer]]'}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'array',"
      "'item_type':{'type':'array','item_type':{'type':'integer'}}}}}}" },
    { "hyper-g text", "{'name':'Thing','fields':{'a':'hyper-g[x, y]'}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'hyper-g',"
      "'fields':[{'name':'x','dtype':" TEXT255 ",'required':true,'filterable':true},"
      "{'name':'y','dtype':" TEXT255 ",'required':true,'filterable':true}]}}}}" },
    { "categories", "{'name':'Thing','fields':{'a':{'type':{'type':'categorical',"
      "'values':[1,2]}},'b':{'type':{'type':'categorical','values':['x']}}}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':"
      "'categorical','values':[1,2],'base':'integer'}},'b':{'type':{'type':"
      "'categorical','values':['x'],'base':'string'}}}}" },
    { "timestamps", "{'name':'Thing','fields':{'a':'timestamp','b':{'type':{'type':"
      "'timestamp','unit':'s','min':0,'max':9}}}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':"
      "'timestamp','unit':'ms'}},'b':{'type':{'type':'timestamp','unit':'s',"
      "'max':9}}}}" },
    { "everything about a field", "{'name':'Thing','desc':'d','tags':['t'],'fields':{"
      "'a':{'type':'float','desc':'p','required':true,'default':'1.5','index':true,"
      "'tags':['x'],'examples':[1],'unique':true}}}",
      "{'entity_id':'thing','name':'Thing','desc':'d','tags':['t'],'fields':{'a':{"
      "'type':{'type':'float'},'required':true,'default':1.5,'has_default':true,"
      "'desc':'p','tags':['x'],'examples':[1],'index':true,'unique':true}}}" },
    { "defaults", "{'name':'Thing','fields':{'a':{'type':'integer','default':null},"
      "'b':{'type':'integer','default':null,'has_default':true},'c':{'type':'boolean',"
      "'default':false},'d':{'type':'integer','default':'abc'},'e':{'type':"
      "'array[short-text]','default':['x']}}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'integer'}},"
      "'b':{'type':{'type':'integer'},'default':null,'has_default':true},'c':{'type':"
      "{'type':'boolean'},'default':false,'has_default':true},'d':{'type':{'type':"
      "'integer'},'default':'abc','has_default':true},'e':{'type':{'type':'array',"
      "'item_type':" TEXT255 "},'default':['x'],'has_default':true}}}" },
    { "placements", "{'name':'Thing','fields':{'a':{'type':'integer','storage':'main'},"
      "'b':{'type':'vector[2]','storage':{'to':'vec','strategy':'VectorIndex'}},"
      "'c':{'type':'long-text','stores':[{'to':'main'},{'to':'search','strategy':"
      "'inverted','optional':true}]},'d':{'type':'json','storage':{'strategy':'json'}}}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'integer'},"
      "'stores':[{'to':'main','strategy':'inline'}]},'b':{'type':{'type':'vector',"
      "'dim':2},'stores':[{'to':'vec','strategy':'vector'}]},'c':{'type':{'type':"
      "'long-text','max_chars':65535},'stores':[{'to':'main','strategy':'inline'},{"
      "'to':'search','strategy':'inverted','optional':true}]},'d':{'type':{'type':"
      "'json'},'stores':[{'strategy':'json'}]}}}" },
    { "groups", "{'name':'Thing','fields':{'a':'integer','b':{'type':'integer',"
      "'unique':{'to':'main'}}},'constraints':[{'fields':['a','b']}],'indexes':[{"
      "'fields':['b','a'],'to':'main'}]}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'integer'}},"
      "'b':{'type':{'type':'integer'}}},'indexes':[{'fields':['b','a'],'to':'main'"
      "}],'constraints':[{'fields':['b'],'to':'main'},{'fields':['a','b']}]}" },
    { "functions", "{'name':'Thing','fields':{'a':'integer','b':{'type':'integer','compute':"
      "'f'},'c':{'type':'integer','computes':[{'compute':'g','inputs':['a','b']}]},"
      "'e':{'type':'vector[2]','query_compute':'h'},'t':{'type':'short-text',"
      "'query_computes':[{'name':'i','ops':['search']}]}},'derive':[{'target':'a','compute':"
      "'j','inputs':['name']},{'target':'catalog.desc','compute':'k'}]}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'integer'},'compute':{"
      "'name':'j','inputs':['name']}},'b':{'type':{'type':'integer'},'compute':{'name':'f'}},"
      "'c':{'type':{'type':'integer'},'compute':{'name':'g','inputs':['a','b']}},"
      "'e':{'type':{'type':'vector','dim':2},'query_compute':{'name':'h','ops':['near']}},"
      "'t':{'type':" TEXT255 ",'query_compute':{'name':'i','ops':['search']}}},"
      "'derive':[{'target':'catalog.desc','compute':'k'}]}" },
    { "declared object_id", "{'name':'Thing','fields':{'a':'integer','object_id':{"
      "'type':'identifier','pk':true}}}",
      "{'entity_id':'thing','name':'Thing','fields':{'object_id':{'type':{'type':"
      "'identifier','max_chars':63},'required':true},'a':{'type':{'type':'integer'}}}}" },
    { "Unicode field", "{'name':'Thing','fields':{'\xc3\xa9t\xc3\xa9':'integer'}}",
      "{'entity_id':'thing','name':'Thing','fields':{'\xc3\xa9t\xc3\xa9':{'type':{"
      "'type':'integer'}}}}" },
    { "identifier of an entity", "{'name':'Thing','fields':{'a':'Identifier[person]'}}",
      "{'entity_id':'thing','name':'Thing','fields':{'a':{'type':{'type':'identifier',"
      "'max_chars':63,'target_entity':'person'}}}}" },
};

static void definitions_become_canonical_and_stay_so(void) {
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        CASE(accepted[i].name);
        hb_schema *schema = NULL;
        hb_schema *again = NULL;
        hb_err err;
        CHECK_INT(parse(accepted[i].in, &schema, &err), HB_OK);
        if (schema == NULL) {
            CHECK_CSTR(err.msg, "");
            continue;
        }
        check_pack(schema->definition, accepted[i].want);
        CHECK_INT(hb_schema_parse(schema->definition, hb_mem_default(), &again, &err), HB_OK);
        REQUIRE(again != NULL);
        CHECK_BYTES(again->definition.ptr, again->definition.len, schema->definition.ptr,
                    schema->definition.len);
        CHECK(hb_schema_same(schema, again));
        hb_schema_free(again);
        hb_schema_free(schema);
    }
}

static void malformed_definitions_are_refused(void) {
    static const struct {
        const char *in;
        hb_status status;
        const char *part;   /* of the message */
    } refused[] = {
        { "['x']", HB_E_TYPE, "mapping" }, { "{'fields':{'a':'integer'}}", HB_E_SCHEMA, "name" },
        { "{'name':'Thing'}", HB_E_SCHEMA, "at least one field" },
        { "{'name':'Thing','fields':{}}", HB_E_SCHEMA, "at least one field" },
        { "{'name':'Thing','fields':'abc'}", HB_E_TYPE, "mapping or a list" },
        { "{'id':'thing','fields':{'a':'integer'}}", HB_E_SCHEMA, "'entity_id', not 'id'" },
        { "{'name':'Thing','feilds':{}}", HB_E_SCHEMA, "did you mean 'fields'" },
        { "{'name':'My Thing','fields':{'a':'integer'}}", HB_E_SCHEMA, "My Thing" },
        { "{'name':'class','fields':{'a':'integer'}}", HB_E_SCHEMA, "class" },
        { "{'entity_id':'a.b','name':'T','fields':{'a':'integer'}}", HB_E_INVALID_ID, "a.b" },
        { "{'name':'A__B','fields':{'a':'integer'}}", HB_E_INVALID_ID, "a---b" },
        { "{'name':'T','fields':{'1a':'integer'}}", HB_E_SCHEMA, "'1a'" },
        { "{'name':'T','fields':{'_a':'integer'}}", HB_E_SCHEMA, "'_a'" },
        { "{'name':'T','fields':{'class':'integer'}}", HB_E_SCHEMA, "'class'" },
        { "{'name':'T','fields':{'':'integer'}}", HB_E_SCHEMA, "''" },
        { "{'name':'T','fields':{'a':{}}}", HB_E_TYPE, "no 'type'" },
        { "{'name':'T','fields':{'a':5}}", HB_E_TYPE, "mapping" },
        { "{'name':'T','fields':{'a':'INTEGER'}}", HB_E_SCHEMA, "did you mean 'integer'" },
        { "{'name':'T','fields':{'a':'vector[-1]'}}", HB_E_SCHEMA, "positive" },
        { "{'name':'T','fields':{'a':'vector[x]'}}", HB_E_SCHEMA, "whole number" },
        { "{'name':'T','fields':{'a':'vector[2'}}", HB_E_SCHEMA, "bracket" },
        { "{'name':'T','fields':{'a':'vector[99999999]'}}", HB_E_LIMIT, "maximum" },
        { "{'name':'T','fields':{'a':'array[nope]'}}", HB_E_SCHEMA, "'nope'" },
        { "{'name':'T','fields':{'a':'integer[5]'}}", HB_E_SCHEMA, "brackets" },
        { "{'name':'T','fields':{'a':'Categorical'}}", HB_E_SCHEMA, "values" },
        { "{'name':'T','fields':{'a':{'type':'categorical','values':['x']}}}",
          HB_E_SCHEMA, "inside it" },
        { "{'name':'T','fields':{'a':{'type':{'type':'categorical','values':['x',"
          "'x']}}}}", HB_E_SCHEMA, "unique" },
        { "{'name':'T','fields':{'a':{'type':{'type':'categorical','values':'abc'}}}}",
          HB_E_TYPE, "list" },
        { "{'name':'T','fields':{'a':{'type':{'type':'categorical','values':['x',1]}}}}",
          HB_E_TYPE, "texts" },
        { "{'name':'T','fields':{'a':{'type':{'type':'categorical','values':[1.5],"
          "'base':'float'}}}}", HB_E_SCHEMA, "base" },
        { "{'name':'T','fields':{'a':{'type':{'type':'categorical','values':[true],"
          "'base':'integer'}}}}", HB_E_TYPE, "integers" },
        { "{'name':'T','fields':{'a':{'type':{'type':'timestamp','unit':'h'}}}}",
          HB_E_SCHEMA, "unit" },
        { "{'name':'T','fields':{'a':{'type':{'type':'timestamp','min':5,'max':1}}}}",
          HB_E_SCHEMA, "exceeds" },
        { "{'name':'T','fields':{'a':{'type':{'type':'short-text','nope':1}}}}",
          HB_E_SCHEMA, "'nope'" },
        { "{'name':'T','fields':{'a':{'type':'integer','pk':true}}}", HB_E_SCHEMA,
          "primary key" },
        { "{'name':'T','fields':{'object_id':'integer'}}", HB_E_TYPE, "Identifier" },
        { "{'name':'T','fields':{'object_id':{'type':'identifier','storage':'main'}}}",
          HB_E_SCHEMA, "fixed" },
        { "{'name':'T','fields':{'object_id':{'type':'identifier','unique':true}}}",
          HB_E_SCHEMA, "object_id" },
        { "{'name':'T','fields':{'a':{'type':'integer','storage':{'to':'main',"
          "'strategy':'nope'}}}}", HB_E_SCHEMA, "'nope'" },
        { "{'name':'T','fields':{'a':{'type':'integer','storage':{'too':'main'}}}}",
          HB_E_SCHEMA, "did you mean 'to'" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':1}}}", HB_E_TYPE, "function" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':{'inputs':['a']}}}}",
          HB_E_SCHEMA, "no function" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':['f','g']}}}", HB_E_SCHEMA,
          "one function" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':{'name':'f','inputs':['zz']}}}}",
          HB_E_SCHEMA, "'zz'" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':{'name':'f','inputs':['a']}}}}",
          HB_E_SCHEMA, "computed from it" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':{'name':'f','inputs':['b']}},"
          "'b':{'type':'integer','compute':{'name':'f','inputs':['c']}},'c':{'type':'integer',"
          "'compute':{'name':'f','inputs':['a']}}}}", HB_E_SCHEMA, "computed from it" },
        { "{'name':'T','fields':{'a':{'type':'integer','query_compute':'f'}}}", HB_E_SCHEMA,
          "'near' on a Vector" },
        { "{'name':'T','fields':{'a':{'type':'vector','query_compute':{'name':'f','ops':"
          "['search']}}}}", HB_E_SCHEMA, "'near' on a Vector" },
        { "{'name':'T','fields':{'object_id':{'type':'identifier','compute':'f'},'a':'integer'}}",
          HB_E_SCHEMA, "object_id is not computed" },
        { "{'name':'T','fields':{'a':'integer'},'derive':[{'target':'b','compute':'f'}]}",
          HB_E_SCHEMA, "catalog.<column>" },
        { "{'name':'T','fields':{'a':{'type':'integer','compute':'f'}},'derive':[{'target':'a',"
          "'compute':'g'}]}", HB_E_SCHEMA, "two functions" },
        { "{'name':'T','fields':{'a':'integer'},'derive':[{'target':'catalog.desc','compute':'f'},"
          "{'target':'catalog.desc','compute':'g'}]}", HB_E_SCHEMA, "derived twice" },
        { "{'name':'T','fields':{'a':{'type':'integer','reqired':true}}}", HB_E_SCHEMA,
          "did you mean 'required'" },
        { "{'name':'T','fields':{'a':{'type':'integer','required':1}}}", HB_E_TYPE,
          "required" },
        { "{'name':'T','fields':{'a':'integer','a':'float'}}", HB_E_SCHEMA, "twice" },
        { "{'name':'T','fields':[{'name':'object_id','type':'identifier'},{'name':"
          "'object_id','type':'identifier'}]}", HB_E_SCHEMA, "twice" },
        { "{'name':'T','fields':{'a':'integer'},'indexes':[{'fields':['zz']}]}",
          HB_E_SCHEMA, "'zz'" },
        { "{'name':'T','fields':{'a':'integer'},'constraints':[{'fields':[]}]}",
          HB_E_SCHEMA, "no fields" },
        { "{'name':'T','fields':{'a':'hyper-g[x,x]'}}", HB_E_SCHEMA, "two columns" },
        { "{'name':'T','fields':{'a':'hyper-g'}}", HB_E_SCHEMA, "columns" },
        { "{'name':'T','fields':{'a':'array[array[array[array[array[array[array[array[array["
          "array[array[array[array[array[array[array[array[array[integer]]]]]]]]]]]]]]]]]]'}}",
          HB_E_LIMIT, "deeper" },
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CASE(refused[i].in);
        hb_schema *schema = NULL;
        hb_err err;
        CHECK_INT(parse(refused[i].in, &schema, &err), refused[i].status);
        CHECK_INT(err.code, refused[i].status);
        if (strstr(err.msg, refused[i].part) == NULL) CHECK_CSTR(err.msg, refused[i].part);
        hb_schema_free(schema);
    }
}

static void every_entity_has_an_id_and_a_name(void) {
    hb_schema *schema = NULL;
    hb_err err;
    REQUIRE(parse("{'name':'RoutedDocument','fields':{'title':'short-text'}}", &schema,
                  &err) == HB_OK);
    CHECK_STR(schema->entity_id, "routed-document");
    CHECK_INT(schema->field_count, 3);
    CHECK_INT(hb_schema_find(schema, HB_STR("object_id")), HB_FIELD_OBJECT_ID);
    CHECK(schema->fields[0].required);
    CHECK_INT(schema->fields[0].type->max_chars, 63);
    const uint32_t name = hb_schema_find(schema, HB_STR("name"));
    REQUIRE(name != HB_FIELD_NONE);
    CHECK(schema->fields[name].implicit);
    CHECK(!schema->fields[name].required);
    CHECK_INT(schema->fields[name].type->id, HB_TYPE_SHORT_TEXT);
    CHECK_INT(hb_schema_find(schema, HB_STR("titel")), HB_FIELD_NONE);
    CHECK_INT(hb_schema_unknown_field(schema, HB_STR("titel"), &err), HB_E_UNKNOWN_FIELD);
    CHECK_CSTR(err.msg, "entity 'routed-document' has no field 'titel'; did you mean 'title'?; "
                        "expected one of: object_id, name, title");
    CHECK_CSTR(err.field, "titel");
    hb_schema_free(schema);
    REQUIRE(parse("{'name':'N','fields':{'name':{'type':'long-text'}}}", &schema, &err) ==
            HB_OK);
    CHECK_INT(schema->field_count, 2);
    CHECK(!schema->fields[1].implicit);
    hb_schema_free(schema);
}

static void the_dictionary_describes_every_field(void) {
    hb_schema *schema = NULL;
    hb_schema *again = NULL;
    hb_err err;
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    REQUIRE(parse("{'name':'Note','fields':{'title':'short-text'}}", &schema, &err) == HB_OK);
    hb_schema_write(schema, &out);
    check_pack(hb_buf_str(&out),
               "{'entity_id':'note','name':'Note','desc':'','tags':[],'fields':{"
               "'object_id':{'name':'object_id','dtype':{'type':'identifier',"
               "'max_chars':63},'pk':true,'required':true,'default':null,'has_default':false,"
               "'desc':'Built-in stable object_id','tags':[],'examples':[]},"
               "'name':{'name':'name','dtype':" TEXT255 ",'pk':false,'required':false,"
               "'default':null,'has_default':false,'desc':'','tags':[],'examples':[]},"
               "'title':{'name':'title','dtype':" TEXT255 ",'pk':false,'required':false,"
               "'default':null,'has_default':false,'desc':'','tags':[],'examples':[]}}}");
    CHECK_INT(hb_schema_parse(hb_buf_str(&out), hb_mem_default(), &again, &err), HB_OK);
    REQUIRE(again != NULL);
    CHECK(hb_schema_same(schema, again));
    hb_schema_free(again);
    hb_schema_free(schema);
    hb_buf_free(&out);
}

static void structure_decides_sameness(void) {
    static const char base[] = "{'name':'T','fields':{'a':'integer','b':'short-text'}}";
    static const struct {
        const char *other;
        bool same;
    } pairs[] = {
        { base, true },
        { "{'name':'T','desc':'x','tags':['y'],'fields':{'b':{'type':'ShortText',"
          "'desc':'z'},'a':'int'}}", true },
        { "{'name':'T','fields':{'a':'integer'}}", false },
        { "{'name':'T','fields':{'a':'float','b':'short-text'}}", false },
        { "{'name':'T','fields':{'a':{'type':'integer','required':true},'b':"
          "'short-text'}}", false },
        { "{'name':'T','fields':{'a':{'type':'integer','default':1},'b':"
          "'short-text'}}", false },
        { "{'name':'T','fields':{'a':{'type':'integer','storage':'main'},'b':"
          "'short-text'}}", false },
        { "{'name':'T','fields':{'a':'integer','b':'short-text'},'constraints':[{"
          "'fields':['a']}]}", false },
        { "{'name':'U','fields':{'a':'integer','b':'short-text'}}", false },
    };
    hb_schema *a = NULL;
    hb_err err;
    REQUIRE(parse(base, &a, &err) == HB_OK);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        CASE(pairs[i].other);
        hb_schema *b = NULL;
        CHECK_INT(parse(pairs[i].other, &b, &err), HB_OK);
        if (b != NULL) CHECK_INT(hb_schema_same(a, b), pairs[i].same);
        hb_schema_free(b);
    }
    hb_schema_free(a);
}

static void a_default_that_does_not_fit_is_marked(void) {
    hb_schema *schema = NULL;
    hb_err err;
    REQUIRE(parse("{'name':'T','fields':{'a':{'type':'integer','default':'12'},"
                  "'b':{'type':'integer','default':'abc'}}}", &schema, &err) == HB_OK);
    const hb_field *a = &schema->fields[hb_schema_find(schema, HB_STR("a"))];
    const hb_field *b = &schema->fields[hb_schema_find(schema, HB_STR("b"))];
    CHECK_INT(a->def.kind, HB_KIND_I64);
    CHECK_INT(a->def.as.i, 12);
    CHECK(!a->def_invalid);
    CHECK(b->has_default && b->def_invalid);
    CHECK_STR(b->def.as.s, "abc");
    hb_schema_free(schema);
}

static void object_ids_are_those_of_the_reference(void) {
    static const struct {
        const char *entity, *name, *want;
    } ids[] = {
        { "note", "Routing note", "000042943200010507604878606023630530843197" },
        { "named-note", "Routing note", "000118949858601754100907606291025896327204" },
        { "document", "Agent guide", "000254803128638436057640835755417441951253" },
        { "product", "Oak desk", "000043833086248548455418193195040947626671" },
        { "named-note", "\xc3\xa9", "000286761214747992818176960128819130761793" },
        { "named-note", "\xe5\x90\x8d\xe5\x89\x8d", "000215432076023800242434414402443066458152" },
        { "routed-document", "x\"y", "000143539515858920017874349323300366037027" },
        { "routed-document", "a\\b", "000205047330002192490079461030678009804360" },
        { "task", "\xf0\x9f\x98\x80 hi", "000128233165236658046345045563329086165564" },
        { "task", "tab\tnl\n", "000241840593116733734568850769784356225173" },
        { "person", "Alice", "000186282857987389533805814158127884324433" },
        { "person", "a/b/../c", "000051285873556732088208429742792521921703" },
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        CASE(ids[i].name);
        const hb_str parts[2] = { hb_str_c(ids[i].entity), hb_str_c(ids[i].name) };
        char out[HB_OBJECT_ID_HASH_LEN];
        hb_object_id_hash(parts, 2, hb_mem_default(), out);
        CHECK_STR(hb_str_n(out, sizeof out), ids[i].want);
    }
    const hb_str with_nul[2] = { HB_STR("person"), HB_STR("a\0b") };
    char out[HB_OBJECT_ID_HASH_LEN];
    hb_object_id_hash(with_nul, 2, hb_mem_default(), out);
    CHECK_STR(hb_str_n(out, sizeof out), "000239848874274141280286993355986965075357");
}

static void names_and_ids_follow_their_rules(void) {
    static const struct {
        const char *id;
        bool valid;
    } ids[] = {
        { "core", true }, { "core_ws", true }, { "a-b_c", true }, { "a1", true }, { "Core", false },
        { "core ws", false }, { "1a", false }, { "a--b", false }, { "a-", false }, { "-a", false },
        { "", false }, { "\xc3\xa9", false }, { "a.b", false }, { "a-1", true },
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        CASE(ids[i].id);
        CHECK_INT(hb_id_is_valid(hb_str_c(ids[i].id)), ids[i].valid);
    }
    static const struct {
        const char *name, *id;
    } names[] = {
        { "RoutedDocument", "routed-document" }, { "HTTPLog2X", "h-t-t-p-log2-x" },
        { "snake_case", "snake-case" }, { "Note", "note" }, { "note", "note" },
        { "Note2Self", "note2-self" },
    };
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        hb_str id;
        hb_err err;
        CHECK_INT(hb_entity_id_from_name(hb_str_c(names[i].name), &arena, &id, &err), HB_OK);
        CHECK_STR(id, names[i].id);
    }
    hb_arena_free(&arena);
    CHECK(hb_field_name_is_valid(HB_STR("score")));
    CHECK(hb_field_name_is_valid(HB_STR("a_1")));
    CHECK(!hb_field_name_is_valid(HB_STR("a-b")));
    CHECK(!hb_field_name_is_valid(HB_STR("yield")));
    CHECK(!hb_field_name_is_valid(HB_STR("a b")));
}

static void strategies_and_types_have_two_spellings(void) {
    for (int i = HB_STRATEGY_INLINE; i < HB_STRATEGY_COUNT; i++) {
        hb_strategy found = HB_STRATEGY_NONE;
        CHECK(hb_strategy_find(hb_strategy_name((hb_strategy)i), &found));
        CHECK_INT(found, i);
        CHECK(hb_strategy_find(hb_strategy_class((hb_strategy)i), &found));
        CHECK_INT(found, i);
    }
    for (int i = 0; i < HB_TYPE_COUNT; i++) {
        hb_type_id found = HB_TYPE_COUNT;
        CHECK(hb_type_find(hb_type_name((hb_type_id)i), &found));
        CHECK_INT(found, i);
        CHECK(hb_type_find(hb_type_class((hb_type_id)i), &found));
        CHECK_INT(found, i);
    }
    hb_strategy none;
    CHECK(!hb_strategy_find(HB_STR(""), &none));
}

/* Truncated and altered definitions must be survived. */
static void broken_definitions_are_survived(void) {
    hb_schema *schema = NULL;
    hb_err err;
    REQUIRE(parse(accepted[9].in, &schema, &err) == HB_OK);
    hb_buf bytes;
    hb_buf_init(&bytes, hb_mem_default());
    hb_buf_add_str(&bytes, schema->definition);
    hb_schema_free(schema);
    for (uint32_t i = 0; i < bytes.len; i++) {
        CHECK_INT(hb_schema_parse(hb_str_n(bytes.ptr, i), hb_mem_default(), &schema, &err),
                  HB_E_CORRUPT);
        for (int bit = 0; bit < 8; bit++) {
            bytes.ptr[i] = (char)(bytes.ptr[i] ^ (1 << bit));
            if (hb_schema_parse(hb_buf_str(&bytes), hb_mem_default(), &schema, &err) == HB_OK) {
                hb_schema_free(schema);
            }
            bytes.ptr[i] = (char)(bytes.ptr[i] ^ (1 << bit));
        }
    }
    hb_buf_free(&bytes);
}

TEST_SUITE {
    TEST(definitions_become_canonical_and_stay_so);
    TEST(malformed_definitions_are_refused);
    TEST(every_entity_has_an_id_and_a_name);
    TEST(the_dictionary_describes_every_field);
    TEST(structure_decides_sameness);
    TEST(a_default_that_does_not_fit_is_marked);
    TEST(object_ids_are_those_of_the_reference);
    TEST(names_and_ids_follow_their_rules);
    TEST(strategies_and_types_have_two_spellings);
    TEST(broken_definitions_are_survived);
}
