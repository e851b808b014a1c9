"""What a prompt is about: its words, its subject, the text it brings along. No answers here."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from llmkit.sim.exchange import Ask
from llmkit.sim.labels import words

_FILLER = re.compile(
    r"^(?:please|hi|hello|hey|ok|so|now|and|then|could you|can you|would you|will you|i want you to|"
    r"i'd like you to|help me(?: to)?|tell me(?: more)?(?: about)?|explain(?: to me)?|describe|define|discuss|"
    r"what(?:'s| is| are| was| were| does| do)|who(?:'s| is| was)|why(?: is| are| do| does| did)?|"
    r"how(?: is| are| do| does| did| can| to)?|when(?: is| was| did)?|where(?: is| are)?|give me|show me|"
    r"write(?: me)?|name|list|plot|draw|use|fix|compare|draft|compose|make(?: me)?|create|an?|the|some|about|of|on|in|for|me|us|your|"
    r"i|you|we|a short|short|brief|simple)\b[\s,:]*",
    re.IGNORECASE,
)
_TERSE = re.compile(
    r"\b(terse|brief(?:ly)?|concise(?:ly)?|in short|one[- ](?:word|line|sentence)|a single sentence"
    r"|short(?:ly)? answers?|few words|be short)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]{3,})[\"“”«»]|```[a-z]*\n(.*?)```", re.DOTALL)
_STOPWORDS = words(
    "a about after all also an and any are as at be because been but by can could did do does for "
    "from had has have he her his how i if in into is it its just like may me more most my no not of "
    "on one only or our out over she should so some such than that the their them then there these "
    "they this to too up us very was we were what when where which who why will with would you your "
    "explain describe compare show use make list name find "
    "please write tell give"
)


@dataclass(frozen=True, slots=True)
class Brief:
    """A prompt, looked at."""

    ask: Ask
    text: str
    dice: random.Random

    @property
    def lower(self) -> str:
        """The prompt in lower case."""
        return self.text.lower()

    @property
    def terse(self) -> bool:
        """Did somebody ask for a short answer?"""
        return bool(_TERSE.search(self.ask.system) or _TERSE.search(self.text[-300:]))

    @property
    def subject(self) -> str:
        """What it is about, in a few words of its own.

        "Please explain to me how photosynthesis works." is about "photosynthesis works".
        """
        return subject_of(self.text)

    @property
    def keywords(self) -> list[str]:
        """Its telling words, in order, each once."""
        words = re.findall(r"[^\W\d_]{3,}", self.lower)
        return [w for w in dict.fromkeys(words) if w not in _STOPWORDS][:12]

    @property
    def material(self) -> str:
        """The text that the prompt brings along to be worked on: what is quoted, fenced, after a colon
        or below the first paragraph; the whole prompt where there is none such."""
        found: list[str] = [a or b for a, b in _QUOTED.findall(self.text)]
        if found:
            return max(found, key=len).strip()
        head, colon, tail = self.text.partition(":")
        if colon and len(tail.strip()) >= 2 and len(head) < 200:
            return tail.strip()
        paragraphs = [p.strip() for p in self.text.split("\n\n") if p.strip()]
        return "\n\n".join(paragraphs[1:]) if len(paragraphs) > 1 else self.text.strip()

    @property
    def instruction(self) -> str:
        """The prompt without its material."""
        return self.text.replace(self.material, "") if self.material != self.text.strip() else self.text


def subject_of(text: str) -> str:
    """The subject of a text in at most eight words."""
    lines = [ln.strip() for ln in text.strip().splitlines() if ln.strip()]
    line = next((ln for ln in reversed(lines) if ln.endswith("?")), lines[0] if lines else "")
    sentence = re.split(r"(?<=[.?!])\s", line)[0].strip(" \t.?!:;\"'`#*")
    previous = None
    while previous != sentence:
        previous = sentence
        sentence = _FILLER.sub("", sentence, count=1).strip(" \t.?!:;\"'`")
    words = (sentence or line).split()
    return " ".join(words[:8]) or "nothing in particular"


def brief(ask: Ask, seed: int) -> Brief:
    """Look at a request. The dice depend on what the answer may depend on, and on nothing else."""
    settings = f"{seed}|{ask.seed}|{ask.model.name}|{ask.system}|{ask.prompt}|{ask.temperature}"
    return Brief(ask, ask.prompt, random.Random(settings))
