# SPDX-License-Identifier: MIT
"""Statements of T-SQL and of Oracle as PostgreSQL's, by sqlglot: a line of JSON in, a line out. What sqlglot does not read as one statement
of nodes that it knows is an error. The other engine's own semantics are kept where statements of ours meet them: texts of SQL Server are compared
with spaces behind them (bpchar), Oracle's are CLOBs with the functions of DBMS_LOB (tests/servers/translated.mjs)."""
import json
import re
import sys

from sqlglot import exp, parse

TEXT, BPCHAR = exp.DataType.build("TEXT"), exp.DataType.build("BPCHAR", dialect="postgres")
TSQL_TYPES = {"NVARCHAR": "BPCHAR", "VARCHAR": "TEXT", "VARBINARY": "BYTEA", "BIT": "BOOLEAN", "BOOLEAN": "BOOLEAN", "BIGINT": "BIGINT", "FLOAT": "DOUBLE PRECISION", "DOUBLE": "DOUBLE PRECISION", "TEXT": "TEXT"}
ORACLE_TYPES = {"TEXT": "TEXT", "VARCHAR": "TEXT", "DECIMAL": "NUMERIC", "DOUBLE": "DOUBLE PRECISION", "VARBINARY": "BYTEA", "BLOB": "BYTEA"}


def parsed(sql, dialect):
    found = [one for one in parse(sql, read=dialect) if one is not None]
    if len(found) != 1:
        raise ValueError(f"{len(found)} statements")
    if any(True for _ in found[0].find_all(exp.Command)):
        raise ValueError("a statement that the parser does not read")
    return found[0]


def types(tree, names):
    for node in list(tree.find_all(exp.DataType)):
        name = node.this.name if isinstance(node.this, exp.DataType.Type) else str(node.this)
        if name not in names:
            raise ValueError(f"a type that no statement of ours has: {name}")
        size = node.expressions[0].name if node.expressions else ""
        sized = f"({size})" if name == "DECIMAL" else ""
        node.replace(exp.DataType.build(names[name] + sized, dialect="postgres"))


def placeholder(number):
    return exp.Parameter(this=exp.Literal.number(number))


def tsql(sql):
    tree = parsed(sql, "tsql")
    types(tree, TSQL_TYPES)
    if isinstance(tree, exp.Create) and tree.kind == "INDEX":
        tree.this.set("this", None)         # a name of the table's in T-SQL, and of the schema's in PostgreSQL
    for node in list(tree.find_all(exp.Cast)):
        inner = node.this
        if isinstance(inner, exp.Cast) and isinstance(inner.this, exp.Collate) and inner.this.expression.name.endswith("_UTF8"):
            node.replace(exp.Anonymous(this="convert_to", expressions=[exp.cast(inner.this.this, TEXT.copy()), exp.Literal.string("UTF8")]))
    for node in list(tree.find_all(exp.Collate)):
        if node.expression.name != "Latin1_General_100_BIN2":
            raise ValueError(f"a collation that is not exact: {node.expression.name}")
        node.replace(exp.cast(node.this, BPCHAR.copy()))
    for node in list(tree.find_all(exp.CollateColumnConstraint)):
        if node.this.name != "Latin1_General_100_BIN2":
            raise ValueError("a column whose collation is not exact")
        node.set("this", exp.to_identifier("C", quoted=True))
    for node in list(tree.find_all(exp.Parameter)):
        number = int(re.fullmatch(r"p(\d+)", node.name).group(1))
        bound, parent = placeholder(number), node.parent
        if isinstance(parent, exp.Cast):
            node.replace(bound)
        elif isinstance(parent, (exp.EQ, exp.NEQ, exp.In, exp.Tuple)):
            node.replace(exp.cast(bound, BPCHAR.copy()))
        else:
            node.replace(exp.cast(bound, TEXT.copy()))
    for node in list(tree.find_all(exp.Right)):
        node.replace(exp.Anonymous(this="tsql_right", expressions=[node.this, node.expression]))
    for node in list(tree.find_all(exp.OpenJSON)):
        source = exp.Anonymous(this="json_array_elements_text", expressions=[exp.cast(node.this, exp.DataType.build("JSON"))])
        node.replace(exp.alias_(source, "j", table=["value"]))
    for node in list(tree.find_all(exp.Table)):
        if node.db.upper() == "INFORMATION_SCHEMA":
            node.replace(exp.table_("columns", db="standin"))
    return tree


def oracle(sql):
    tree = parsed(re.sub(r""":(\d+)|("[^"]*"|'[^']*')""", lambda m: m.group(2) or f":p{m.group(1)}", sql), "oracle")
    types(tree, ORACLE_TYPES)
    for node in list(tree.find_all(exp.Placeholder)):
        number = int(re.fullmatch(r"p(\d+)", node.name).group(1))
        bound = placeholder(number)
        node.replace(bound if isinstance(node.parent, exp.Cast) or isinstance(tree, exp.MultitableInserts) else exp.cast(bound, TEXT.copy()))
    for node in list(tree.find_all(exp.Table)):
        if node.name.lower() in ("user_tab_columns", "all_tab_columns"):
            node.replace(exp.table_("tab_columns", db="standin"))
        elif node.name.lower() == "dual" and not isinstance(tree, exp.MultitableInserts):
            node.replace(exp.Values(expressions=[exp.Tuple(expressions=[exp.Literal.number(1)])], alias=exp.TableAlias(this=exp.to_identifier("dual"))))
    if not isinstance(tree, exp.MultitableInserts):
        return tree
    rows = []
    for one in tree.expressions:
        insert = one.this if isinstance(one.this, exp.Insert) else one.find(exp.Insert)
        rows.append(insert)
    first = rows[0].copy()
    for other in rows[1:]:
        if other.this != rows[0].this:
            raise ValueError("an INSERT ALL into several tables")
        first.expression.append("expressions", other.expression.expressions[0].copy())
    return first


def check(sql, dialect):
    """As it is sent: for statements that are only to be read."""
    if dialect == "oracle":
        sql = re.sub(r""":(\d+)|("[^"]*"|'[^']*')""", lambda m: m.group(2) or f":p{m.group(1)}", sql)
    parsed(sql, dialect)
    return ""


for line in sys.stdin:
    asked = json.loads(line)
    try:
        if asked.get("check"):
            answer = {"sql": check(asked["sql"], asked["dialect"])}
        else:
            answer = {"sql": {"tsql": tsql, "oracle": oracle}[asked["dialect"]](asked["sql"]).sql("postgres")}
    except Exception as error:  # every one is told
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
