"""Code the simulator can write: a few functions it knows, a skeleton for the rest."""

from __future__ import annotations

import re

_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"fibonacci",
        "The Fibonacci numbers, one after the other, without recursion:",
        "def fibonacci(n: int) -> int:\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n"
        "    return a\n\n\nassert [fibonacci(i) for i in range(8)] == [0, 1, 1, 2, 3, 5, 8, 13]",
    ),
    (
        r"\bprime",
        "It is enough to try divisors up to the square root:",
        "def is_prime(n: int) -> bool:\n    if n < 2:\n        return False\n    divisor = 2\n"
        "    while divisor * divisor <= n:\n        if n % divisor == 0:\n            return False\n"
        "        divisor += 1\n    return True\n\n\n"
        "assert [n for n in range(20) if is_prime(n)] == [2, 3, 5, 7, 11, 13, 17, 19]",
    ),
    (
        r"factorial",
        "A loop is enough:",
        "def factorial(n: int) -> int:\n    product = 1\n    for k in range(2, n + 1):\n        product *= k\n"
        "    return product\n\n\nassert factorial(5) == 120",
    ),
    (
        r"palindrom",
        "Compare the letters with their own reverse, and ignore everything else:",
        "def is_palindrome(text: str) -> bool:\n    letters = [c.lower() for c in text if c.isalnum()]\n"
        '    return letters == letters[::-1]\n\n\nassert is_palindrome("Never odd or even")',
    ),
    (
        r"fizz ?buzz",
        "The joint multiple has to be looked at first:",
        'for n in range(1, 101):\n    words = ("Fizz" if n % 3 == 0 else "") + '
        '("Buzz" if n % 5 == 0 else "")\n    print(words or n)',
    ),
    (
        r"\breverse",
        "A slice that walks backwards:",
        'def reverse(text: str) -> str:\n    return text[::-1]\n\n\nassert reverse("llm") == "mll"',
    ),
    (
        r"\bsort",
        "`sorted` takes a key, and keeps the order of equals:",
        "def by_length(words: list[str]) -> list[str]:\n    return sorted(words, key=lambda w: (len(w), w))\n\n\n"
        'assert by_length(["ccc", "a", "bb"]) == ["a", "bb", "ccc"]',
    ),
    (
        r"\bcsv\b|dataframe|pandas",
        "With pandas, in three lines:",
        "import pandas as pd\n\n\ndef totals(path: str) -> pd.Series:\n    table = pd.read_csv(path)\n"
        '    return table.groupby("category")["amount"].sum().sort_values(ascending=False)',
    ),
    (
        r"matplotlib|\bplot\b",
        "One figure, with its axes named:",
        "import matplotlib.pyplot as plt\nimport numpy as np\n\nx = np.linspace(0, 2 * np.pi, 200)\n"
        'figure, axes = plt.subplots()\naxes.plot(x, np.sin(x))\naxes.set(xlabel="x", ylabel="sin x")\nplt.show()',
    ),
    (
        r"\b(?:mean|average|median)\b",
        "The standard library knows it already:",
        "from statistics import mean, median\n\n\ndef middle(values: list[float]) -> tuple[float, float]:\n"
        "    return mean(values), median(values)\n\n\nassert middle([1, 2, 9]) == (4, 2)",
    ),
)


def function_for(prompt: str, subject: str) -> tuple[str, str, str]:
    """A sentence, the code, and a note for a prompt (in lower case)."""
    note = "Call it with an edge case or two (nothing, one element, a large input) before you trust it."
    for pattern, sentence, code in _KNOWN:
        if re.search(pattern, prompt):
            return sentence, code, note
    name = _name(subject)
    code = (
        f"def {name}(items: list[str]) -> dict[str, int]:\n"
        f'    """{subject[:1].upper()}{subject[1:]}."""\n'
        "    result: dict[str, int] = {}\n    for item in items:\n"
        "        result[item] = result.get(item, 0) + 1\n    return result\n\n\n"
        f'assert {name}(["a", "b", "a"]) == {{"a": 2, "b": 1}}'
    )
    return f"A first draft for *{subject}*:", code, note


def query_for(prompt: str) -> str:
    """A small SQL query."""
    by = "month" if "month" in prompt else "day" if "day" in prompt else "category"
    what = "COUNT(*)" if "count" in prompt or "how many" in prompt else "SUM(amount)"
    return (
        f"SELECT {by}, {what} AS total\nFROM orders\nWHERE created_at >= DATE '2026-01-01'\n"
        f"GROUP BY {by}\nORDER BY total DESC\nLIMIT 10;"
    )


def _name(subject: str) -> str:
    ignored = {
        "python",
        "function",
        "code",
        "script",
        "program",
        "that",
        "which",
        "to",
        "the",
        "a",
        "an",
        "in",
    }
    words = [w for w in re.findall(r"[a-z]+", subject.lower()) if w not in ignored]
    return "_".join(words[:3]) or "solve"
