"""Little texts the simulator knows by heart: a sentence, a paragraph or two, and a longer part each."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before a model's character is put on it. ``exact``: it is what it is, in every style."""

    short: str
    body: str = ""
    more: str = ""
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the prompts that it answers."""

    name: str
    pattern: re.Pattern[str]
    draft: Draft


def _text(name: str, pattern: str, short: str, body: str, more: str) -> Text:
    return Text(name, re.compile(pattern, re.IGNORECASE), Draft(short, body, more))


TEXTS = (
    _text(
        "sky",
        r"\bsky\b.*\bblue\b|\bblue\b.*\bsky\b|rayleigh",
        "The sky is blue because air scatters short waves of light far more strongly than long ones.",
        "Sunlight holds every colour. On its way through the air it meets molecules much smaller than its "
        "wavelength, and those scatter light in proportion to 1/λ⁴ (**Rayleigh scattering**). Blue "
        "light is thrown about in all directions and reaches your eye from everywhere; red light mostly goes "
        "straight on.\n\n"
        "- At noon the light's path is short, and the sky is blue.\n"
        "- At sunset it is long: the blue is gone before it reaches you, and *red* is left.\n"
        "- On the Moon there is no air, and the sky is black.",
        "| Colour | Wavelength | Scattered (red = 1) |\n|---|---:|---:|\n| Red | 700 nm | 1.0 |\n"
        "| Green | 530 nm | 3.0 |\n| Blue | 450 nm | 5.9 |\n| Violet | 400 nm | 9.4 |\n\n"
        "Why not violet, then? Because the Sun gives off less of it, the upper air takes some away, and our "
        "eyes see it poorly. What is left looks blue.",
    ),
    _text(
        "recursion",
        r"\brecurs",
        "Recursion is solving a problem by solving a smaller one of the same kind, until it is small enough "
        "to be obvious.",
        "Every recursive function has two parts: a **base case** that answers at once, and a **step** that "
        "calls the function on something smaller.\n\n"
        "```python\ndef factorial(n: int) -> int:\n    if n <= 1:  # base case\n        return 1\n"
        "    return n * factorial(n - 1)  # step\n\n\nprint(factorial(5))  # 120\n```\n\n"
        "Read it as a promise: *if* the smaller call is right, this one is right too.",
        "What happens for `factorial(3)`:\n\n1. `3 * factorial(2)` waits,\n2. `2 * factorial(1)` waits,\n"
        "3. `factorial(1)` is `1`, and the answers travel back: `1`, `2`, `6`.\n\n"
        "> To understand recursion, you must first understand recursion.\n\n"
        "Each call takes a place on the stack, so very deep recursion is better written as a loop.",
    ),
    _text(
        "photosynthesis",
        r"photosynthe",
        "Photosynthesis is how plants make sugar out of light, water and carbon dioxide, giving off oxygen.",
        "It has two halves. In the **light reactions** chlorophyll catches light and splits water; in the "
        "**Calvin cycle** the energy won that way builds sugar from carbon dioxide.\n\n"
        "$$6\\,CO_2 + 6\\,H_2O \\rightarrow C_6H_{12}O_6 + 6\\,O_2$$",
        "| Half | Where | Takes | Gives |\n|---|---|---|---|\n| Light reactions | thylakoids | light, water | "
        "oxygen, ATP, NADPH |\n| Calvin cycle | stroma | carbon dioxide, ATP, NADPH | sugar |\n\n"
        "Leaves look green because green is the light that chlorophyll uses least.",
    ),
    _text(
        "gravity",
        r"\bgravit",
        "Gravity is the pull between all things that have mass; near the Earth it speeds up whatever falls "
        "by 9.8 m/s every second.",
        "**Newton** described it as a force, $F = G m_1 m_2 / r^2$: twice as far means a quarter of the "
        "pull.\n\n**Einstein** described it as the shape of space and time: mass bends it, and things move "
        "along the straightest paths there are. Where gravity is weak, both say the same.",
        "- It keeps the Moon in orbit and makes the tides.\n- It bends light and slows clocks; satellite "
        "navigation corrects for that.\n- It is by far the weakest of the known forces: a fridge magnet "
        "beats the whole Earth.",
    ),
    _text(
        "neural networks",
        r"neural net|deep learning|transformer|attention mechanism|language model|\bllms?\b",
        "A neural network is a long chain of simple sums and bends whose numbers are tuned until its outputs "
        "fit the examples it was shown.",
        "A **language model** is such a network trained to guess the next piece of text. It reads the text so "
        "far as *tokens*, lets each look at the others (**attention**), and gives a probability to every "
        "token that may come next. One is drawn, put at the end, and the game starts over: that is why "
        "answers arrive bit by bit.",
        "1. **Train**: compare guesses with real text, and nudge billions of numbers a little.\n"
        "2. **Tune**: show it good conversations.\n3. **Use**: the numbers stay fixed; only the prompt "
        "changes.\n\nIt follows that such a model is fluent before it is right: check what matters.",
    ),
    _text(
        "overfitting",
        r"overfit|bias[- ]variance|cross[- ]validation",
        "Overfitting is learning the examples by heart, noise included, instead of what they have in common.",
        "You see it when the error on training data keeps falling while the error on *new* data rises.\n\n"
        "- Hold data back, or use **cross-validation**.\n- Take a simpler model, or regularise it.\n"
        "- Get more data, if you can.",
        "```python\nfrom sklearn.model_selection import cross_val_score\n\n"
        "scores = cross_val_score(model, X, y, cv=5)\nprint(scores.mean(), scores.std())\n```\n\n"
        "A large gap between training and validation scores is the sign to look for.",
    ),
    _text(
        "p-values",
        r"\bp[- ]?values?\b|statistical(ly)? significan|bayes",
        "A p-value is the chance of data at least as extreme as yours, *if* there were no effect at all.",
        "It is not the chance that your hypothesis is true: for that you need a prior, and **Bayes' rule**: "
        "$P(H \\mid D) = P(D \\mid H)\\,P(H) / P(D)$.",
        "| Says | Doesn't say |\n|---|---|\n| how surprising the data are under the null | how likely the null "
        "is |\n| something about this design and sample | how large or important the effect is |\n\n"
        "Report effect sizes and intervals next to it.",
    ),
    _text(
        "inflation",
        r"\binflation\b",
        "Inflation is a rise of prices in general: the same money buys less.",
        "It is measured by what a fixed basket of goods costs from year to year. Common causes are more "
        "*demand* than supply, dearer *inputs* such as energy, and *expectations* that feed themselves.",
        "Central banks answer with interest rates: dearer credit cools demand. A little inflation (about 2 % "
        "a year) is what many of them aim at.",
    ),
    _text(
        "notebooks",
        r"\bjupyter\b|\bnotebooks?\b",
        "A Jupyter notebook keeps code, its results and the words that explain them in one document.",
        "Cells run in a *kernel* that remembers everything until it restarts. So: run all cells from the top "
        "before you share it, keep cells small, and move code that has settled into a module.",
        "- `Shift`+`Enter` runs a cell.\n- `%timeit` measures, `%debug` looks at the last error.\n"
        "- **Restart and run all** is the honest test.",
    ),
    _text(
        "joke",
        r"\bjokes?\b|make me laugh",
        "A statistician drowned in a river that was one metre deep on average.",
        "His colleague, asked whether he was sure, said: “95 percent.”",
        "*Three more such jokes, and the sample would be large enough to say that they aren't funny.*",
    ),
    _text(
        "git",
        r"\bgit\b(?!hub)",
        "Git keeps every version of your files, and lets several people work on them without treading on "
        "each other.",
        "```bash\ngit switch -c idea      # a branch to try something\ngit add -p              # choose what "
        "belongs together\ngit commit -m 'Why, not what'\ngit push -u origin idea\n```",
        "A commit is a snapshot with a parent; a branch is a name for a commit; merging joins two lines of "
        "work.",
    ),
)
