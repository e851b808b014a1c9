"""What the simulator can really do, a little: sums, labels, summaries, comparisons, lists, verse, code.

Texts known by heart live in texts.py; the character of a model is put on in answers.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from llmkit.sim import labels, phrasebook
from llmkit.sim.briefs import Brief
from llmkit.sim.codes import function_for, query_for
from llmkit.sim.texts import TEXTS, Draft


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of prompt and what is written for it. ``write`` may decline by giving ``None``."""

    name: str
    pattern: re.Pattern[str]
    write: Callable[[Brief], Draft | None]


def recognise(brief: Brief) -> tuple[str, Draft]:
    """The first task or text that fits the prompt, and what is written for it."""
    instruction = brief.instruction
    for where in (instruction, brief.text):
        for task in TASKS:
            if task.pattern.search(where) and (draft := task.write(brief)) is not None:
                return task.name, draft
        for text in TEXTS:
            if text.pattern.search(where):
                return text.name, text.draft
    return "general", _general(brief)


# -- exact answers ----------------------------------------------------------------------------


def _arithmetic(brief: Brief) -> Draft | None:
    found = labels.arithmetic(brief.text)
    if found is None:
        return None
    written, value = found
    if re.search(r"\bonly\b|just the|number alone", brief.lower):
        return Draft(value, exact=True)
    return Draft(f"{written} = **{value}**", exact=True)


def _sentiment(brief: Brief) -> Draft:
    offered = labels.listed(brief.instruction)
    feeling = (
        labels.choose(offered, brief.material) if len(offered) > 1 else labels.sentiment(brief.material)[0]
    )
    return Draft(feeling, exact=True)


def _classify(brief: Brief) -> Draft | None:
    offered = labels.listed(brief.instruction) or labels.listed(brief.ask.system)
    if len(offered) < 2:
        return _sentiment(brief)
    return Draft(labels.choose(offered, brief.material), exact=True)


def _yes_no(brief: Brief) -> Draft:
    return Draft("yes" if labels.yes_no(brief.material) else "no", exact=True)


def _rate(brief: Brief) -> Draft:
    bounds = re.search(r"(\d+)\s*(?:-|–|to|and|\.\.)\s*(\d+)", brief.instruction)
    low, high = (int(bounds[1]), int(bounds[2])) if bounds else (1, 10)
    return Draft(str(labels.rating(brief.material, min(low, high), max(low, high))), exact=True)


def _translate(brief: Brief) -> Draft | None:
    match = re.search(r"\b(?:in)?to\s+(\w+)", brief.lower)
    language = match[1] if match else "french"
    return Draft(phrasebook.translate(brief.material, language), exact=True)


def _capital(brief: Brief) -> Draft | None:
    asked = [c for c in phrasebook.CAPITALS if re.search(rf"\b{re.escape(c)}\b", brief.text, re.IGNORECASE)]
    if asked and not re.search(r"\bcapitals\b", brief.lower):
        said = [f"The capital of {country} is **{phrasebook.CAPITALS[country]}**." for country in asked]
        return Draft(" ".join(said), exact=True)
    if not asked and not re.search(r"\bcapitals\b", brief.lower):
        return None  # a country that is not known here, or money to begin with
    number = _number(brief.lower) or 8
    there = [c for name, c in phrasebook.CONTINENTS.items() if name in brief.lower]
    known = sorted(set(there[0]) if there else phrasebook.CAPITALS)
    countries = asked or brief.dice.sample(known, min(number, len(known)))
    rows = "\n".join(f"| {c} | {phrasebook.CAPITALS[c]} |" for c in sorted(countries))
    return Draft(f"| Country | Capital |\n|---|---|\n{rows}", exact=True)


def _count(brief: Brief) -> Draft | None:
    match = re.search(r"count\s+(?:from\s+(\d+)\s+)?(?:up\s+)?to\s+(\d+)", brief.lower)
    if match is None:
        return None
    first, last = int(match[1] or 1), min(int(match[2]), 1000)
    return Draft(", ".join(map(str, range(first, last + 1))), exact=True)


def _repeat(brief: Brief) -> Draft:
    said = re.sub(
        r"^\s*(?:please\s+)?(?:repeat|say|echo|(?:reply|answer|respond) with)\b[\s,]*",
        "",
        brief.text,
        flags=re.IGNORECASE,
    )
    said = (
        said.partition(":")[2].strip() or said
        if re.match(r"(?:only|exactly|just|after me)?[\s\w]*:", said)
        else said
    )
    return Draft(said.strip(" \n\"'“”") or brief.text, exact=True)


def _remember(brief: Brief) -> Draft | None:
    said = [t.text for t in brief.ask.turns[:-1] if t.role == "user" and t.text]
    if "name" in brief.lower:
        for text in reversed(said):
            if (
                match := re.search(
                    r"\b[Mm]y name(?: is|'s)\s+([A-Z][\w-]+)|\bI(?:'m| am)\s+([A-Z][\w-]+)", text
                )
            ) is not None:
                return Draft(f"Your name is **{match[1] or match[2]}**.", exact=True)
        return Draft("You haven't told me your name yet.", exact=True)
    if not said:
        return Draft("This is where our conversation begins; there is nothing before it.", exact=True)
    return Draft(f"You said: “{said[-1].strip()}”", exact=True)


def _json(brief: Brief) -> Draft:
    value = {"topic": brief.subject, "keywords": brief.keywords[:5], "words": len(brief.text.split())}
    return Draft(f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```", exact=True)


# -- longer ones ------------------------------------------------------------------------------


def _table(text: str) -> Draft | None:
    """What a Markdown table holds, in words: its rows, its columns, and from what to what its numbers go."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    if len(lines) < 3 or set(lines[1]) - set("|-: "):
        return None
    head, _, *rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    names = [re.sub(r" \([\w\[\], ]+\)$", "", name) for name in head]
    told = []
    for at, name in enumerate(names):
        values = [
            row[at] for row in rows if at < len(row) and row[at].lower() not in ("", "nan", "none", "nat")
        ]
        if values and all(re.fullmatch(r"-?[\d,]*\.?\d+", value) for value in values):
            numbers = sorted(float(value.replace(",", "")) for value in values)
            told.append(f"- `{name}` goes from {numbers[0]:,.10g} to {numbers[-1]:,.10g}.")
        elif values:
            kinds = list(dict.fromkeys(values))
            told.append(f"- `{name}`: {', '.join(kinds[:3])}{', …' if len(kinds) > 3 else ''}.")
    held = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    return Draft(
        f"In short: a table of {held}, with {', '.join(f'`{name}`' for name in names)}.",
        "**What is in it**\n\n" + "\n".join(told),
    )


def _summary(brief: Brief) -> Draft | None:
    if (table := _table(brief.material)) is not None:
        return table
    if brief.material == brief.text.strip() and len(brief.text.split()) < 25:
        return None
    sentences = [
        s.strip() for s in re.split(r"(?<=[.!?])\s+", brief.material.replace("\n", " ")) if s.strip()
    ]
    telling = sorted(sentences, key=lambda s: -len(set(s.lower().split())))[:3]
    kept = [s for s in sentences if s in telling]
    first = kept[0] if kept else brief.subject
    if len(first) > 160:
        first = first[:157].rsplit(" ", 1)[0] + " …"
    points = "\n".join(f"- {s}" for s in kept)
    words = len(brief.material.split())
    return Draft(
        f"In short: {first}",
        f"**The main points**\n\n{points}",
        f"*{words} words were read, {len(sentences)} sentences, of which {len(kept)} were kept.*",
    )


_SIDES = re.compile(
    r"(?:compare|difference(?:s)? between|contrast)\s+(?P<a>.+?)\s+(?:and|with|to|vs\.?|versus)\s+(?P<b>[^.?!\n,:;]+)"
    r"|(?P<c>[\w +#-]+?)\s+(?:vs\.?|versus)\s+(?P<d>[\w +#-]+)",
    re.IGNORECASE,
)
_ASPECTS = (
    ("Getting started", "quick, little to set up", "slower, more to decide"),
    ("Day to day", "simple and predictable", "richer, with more to learn"),
    ("When it grows", "you feel its limits", "it carries weight well"),
    ("Cost", "low at first", "pays off later"),
    ("Community", "friendly, many examples", "experienced, many tools"),
)


def _compare(brief: Brief) -> Draft | None:
    match = _SIDES.search(brief.text)
    if match is None:
        return None
    one, other = ((match["a"] or match["c"]).strip(), (match["b"] or match["d"]).strip(" .?!"))
    aspects = brief.dice.sample(_ASPECTS, 4)
    rows = "\n".join(f"| {name} | {a} | {b} |" for name, a, b in aspects)
    return Draft(
        f"Take **{one}** for a quick start, and **{other}** where you need room to grow.",
        f"| | {one} | {other} |\n|---|---|---|\n{rows}",
        f"If you can, try both on one small, real task for an hour. What annoys you in that hour will annoy "
        f"you in a year; what {other} makes easy later can't be seen so soon.",
    )


def _haiku(brief: Brief) -> Draft:
    subject = re.sub(
        r"\b(?:haikus?|poems?|verses?|limericks?|sonnets?)\b(?:\s+(?:about|on|of))?", "", brief.subject
    )
    return Draft(verse(subject.strip() or "spring", brief), exact=True)


_VERSES = (
    "Morning finds {it},\na small light on the water —\nnobody hurries.",
    "All day long, {it};\nthe clock forgets to count it.\nEvening comes anyway.",
    "Quiet as the snow,\n{it} writes its name in white,\nand then the wind reads.",
    "One leaf, then the next:\n{it} is learning to let go.\nThe ground says thank you.",
)


def verse(subject: str, brief: Brief) -> str:
    """A small poem on a subject."""
    it = re.sub(r"^(?:an?|the)\s+", "", subject, flags=re.IGNORECASE)
    lines = brief.dice.choice(_VERSES).format(it=it)
    lines = lines[0].upper() + lines[1:]
    return "  \n".join(line for line in lines.split("\n"))  # two blanks: a line break in Markdown


def _code(brief: Brief) -> Draft:
    summary, code, notes = function_for(brief.lower, brief.subject)
    return Draft(f"{summary}\n\n```python\n{code}\n```", notes)


def _query(brief: Brief) -> Draft:
    return Draft(
        f"```sql\n{query_for(brief.lower)}\n```", "Replace the names of tables and columns by your own."
    )


_IDEAS = (
    "Begin with the smallest version of {it} that is of use to somebody.",
    "Ask three people who know {it} what they'd never do again.",
    "Set a date, and leave something out rather than miss it.",
    "Write down what would make you stop.",
    "Look at how another field solved {it}, and borrow shamelessly.",
    "Measure one thing, every week.",
    "Turn it around: how would you make {it} fail? Don't do that.",
    "Sleep on it; good ideas survive the night.",
    "Explain {it} to a child, and note where you stumble.",
    "Do the dull part first.",
)


def _named(brief: Brief) -> Draft | None:
    known = next(
        (c for word, c in phrasebook.CATEGORIES.items() if re.search(rf"\b{word}", brief.lower)), None
    )
    if known is None:
        return None
    number = min(_number(brief.lower) or 5, len(known))
    return Draft("\n".join(f"- {thing}" for thing in brief.dice.sample(known, number)), exact=True)


def _ideas(brief: Brief) -> Draft:
    number = min(_number(brief.lower) or 5, 100)
    it = re.sub(
        r"^(?:list\s+)?(?:\d+|\w+)\s+(?:ideas?|ways?|tips?|reasons?|things?|names?|examples?|facts?)\s*(?:to|for|of|about)?\s*",
        "",
        brief.subject,
        flags=re.IGNORECASE,
    )
    chosen = brief.dice.sample(_IDEAS, min(number, len(_IDEAS)))
    lines = [chosen[i % len(chosen)].format(it=it or "it") for i in range(number)]
    listed = "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
    return Draft(listed, "", "The first is the one to begin with; the others can wait.")


def _story(brief: Brief) -> Draft:
    it = (
        re.sub(r"\b(?:story|tale|stories)\b(?:\s+(?:about|of|on))?", "", brief.subject).strip()
        or "a lighthouse"
    )
    it = it if re.match(r"(?:an?|the)\b", it, re.IGNORECASE) else f"the {it}"
    known = re.sub(r"^an?\b", "the", it, flags=re.IGNORECASE)
    return Draft(
        f"Nobody in the village spoke of {it}, and so everybody thought of nothing else.",
        f"One evening a girl went to see for herself. She took a lamp, an apple and her grandmother's "
        f"patience. “What do you want?” asked {known}.\n\n“To know whether you are real,” said the girl.\n\n"
        f"There was a long silence. “I was going to ask you the same,” said {known}.",
        "They shared the apple. In the morning the lamp was still burning, though nobody had filled it, and "
        "from that day on people spoke of it all the time, which, the girl found, came to the same.",
    )


def _letter(brief: Brief) -> Draft:
    it = re.sub(r"\b(?:e-?mail|letter|message|note)\b(?:\s+(?:about|to|for|on))?", "", brief.subject).strip()
    return Draft(
        f"**Subject:** {it[:1].upper()}{it[1:]}\n\nHello,\n\nI'm writing about {it}. Could you let me know by "
        "Friday whether that suits you?",
        "If another day is better, just say so. I'm happy to call, too.\n\nKind regards,  \n[Your name]",
    )


def _greeting(brief: Brief) -> Draft | None:
    if len(brief.text.split()) > 6:
        return None
    return Draft(
        brief.dice.choice(("Hello!", "Hi there!", "Good to see you!")) + " What shall we look at today?",
        "I'm simulated, so I cost nothing and know little: ask me why the sky is blue, to compare two things, "
        "to write a function, or to classify a sentence.",
    )


def _identity(brief: Brief) -> Draft:
    model = brief.ask.model
    return Draft(
        f"I'm `{model.name}`, a simulated model: nothing I say comes from a real one.",
        f"{model.summary} I run on your own machine, need no key, and cost nothing, though I'm billed in "
        "play money so that you can see how that looks.",
    )


def _extract(brief: Brief) -> Draft | None:
    patterns = {
        "mail": r"[\w.+-]+@[\w-]+\.[\w.]+\w",
        "date": r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b",
        "url": r"https?://\S+\w",
        "number": r"\b\d+(?:\.\d+)?\b",
        "name": r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)+\b",
    }
    wanted = next((p for word, p in patterns.items() if word in brief.instruction.lower()), None)
    if wanted is None:
        return None
    found = list(dict.fromkeys(re.findall(wanted, brief.material)))
    return Draft("\n".join(f"- {item}" for item in found) or "None found.", exact=True)


def _general(brief: Brief) -> Draft:
    it = brief.subject
    words = brief.keywords
    about = ", ".join(f"*{w}*" for w in words[:3]) or "it"
    opener = brief.dice.choice(
        (
            f"There are two things to know about **{it}**: what it is for, and where it ends.",
            f"The short answer on **{it}**: it depends, but less than people think.",
            f"**{it[:1].upper()}{it[1:]}** is best looked at from three sides.",
        )
    )
    return Draft(
        opener,
        f"- **What it is.** At its heart: {about}. The rest follows from there.\n"
        f"- **Why it matters.** It decides what is easy afterwards and what is hard.\n"
        f"- **What to do.** Begin small, look at the result, and only then go on.\n\n"
        "*I'm a simulated model: my words are made up, my tokens and timing are realistic.*",
        "| Step | Question | Sign that it's done |\n|---|---|---|\n"
        f"| 1 | What exactly is meant by {words[0] if words else 'it'}? | one sentence all agree on |\n"
        "| 2 | What is known? | a list with sources |\n| 3 | What is open? | a list with dates |\n\n"
        "With a real model in my place, you would read something worth knowing here.",
    )


_NUMBERS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
}


def _number(text: str) -> int | None:
    if (match := re.search(r"\b(\d{1,3})\b", text)) is not None:
        return int(match[1])
    return next((n for word, n in _NUMBERS.items() if re.search(rf"\b{word}\b", text)), None)


def _task(name: str, pattern: str, write: Callable[[Brief], Draft | None]) -> Task:
    return Task(name, re.compile(pattern, re.IGNORECASE), write)


#: In the order in which they are tried.
TASKS = (
    _task("memory", r"what(?:'s| is) my name|what did i (?:just )?(?:say|ask|tell)|repeat my (?:last|previous)", _remember),
    _task("repeat", r"^\s*(?:repeat|say|echo|reply with|answer with|respond with)\b", _repeat),
    _task("translate", r"\btranslat|\bin (?:french|german|spanish|italian)\b.*:|\bauf deutsch\b", _translate),
    _task("summarise", r"\bsummar|\btl;?dr\b|\bin a nutshell\b|\bmain points\b", _summary),
    _task("classify", r"\bclassif|\bcategori[sz]e|\blabel\b|\bwhich (?:category|class|label)\b", _classify),
    _task("sentiment", r"\bsentiment\b|\bpositive\b.*\bnegative\b|\bmood of\b|\bhow does .* feel\b", _sentiment),
    _task("rate", r"\b(?:rate|score|grade)\b.*\d|\bon a scale\b|\bout of (?:5|10|100)\b", _rate),
    _task("yes or no", r"\byes (?:or|/) ?no\b|\btrue or false\b", _yes_no),
    _task("extract", r"\bextract\b|\bfind all\b|\bpull out\b", _extract),
    _task("compare", r"\bcompar|\bvs\.?\b|\bversus\b|\bdifferences? between\b|\bcontrast\b", _compare),
    _task("query", r"\bsql\b|\bselect (?:statement|query)\b", _query),
    _task("code", r"\bpython\b|\bfunction\b|\bscript\b|\bcode\b|\bprogram\b|\bmatplotlib\b|\bplot\b|\bfibonacci\b|\bfizz ?buzz\b", _code),
    _task("haiku", r"\bhaikus?\b|\bpoems?\b|\blimerick\b|\bsonnet\b|\bverses?\b", _haiku),
    _task("count", r"\bcount (?:from |up |to )", _count),
    _task("capitals", r"\bcapitals?\b(?! letter| sin| gain)", _capital),
    _task("json", r"\bjson\b", _json),
    _task("story", r"\bstory\b|\btale\b", _story),
    _task("letter", r"\be-?mail\b|\bletter to\b|\bcover letter\b", _letter),
    _task("identity", r"\bwho are you\b|\bwhat (?:model )?are you\b|\bwhich model\b", _identity),
    _task("arithmetic", r"\d\s*\)*\s*[-+*/x×÷^]\s*\(*\s*\d", _arithmetic),
    _task("names", r"\b(?:list|give me|name|suggest|tell me)\b", _named),
    _task("ideas", r"\b(?:ideas?|tips|ways to|reasons|things to|facts|examples|suggestions)\b", _ideas),
    _task("greeting", r"^\s*(?:hi|hello|hey|good (?:morning|evening|day))\b", _greeting),
)  # fmt: skip
