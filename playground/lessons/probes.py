"""Questions to a text lesson's model while it learns: the probability of words, a gap, an answer.

Each only reads `live`; a training goes on as if nothing had been asked.
"""

from collections.abc import Sequence
from typing import Any

from playground.errors import PlaygroundError
from playground.lessons import catalogue

MOST_WORDS, MOST_CHARACTERS = 20, 2000


def words(live: Any, prompt: str, words: Sequence[str]) -> dict[str, float]:
    """GPT: p(word | prompt) of each word, the product over the word's tokens.

    A word is taken as it is; after a prompt that does not end in a space, it is asked with one before it ("blue" after
    "The sky is" as " blue"), because that is how such a text would go on. The keys are the words as they were given.

    Raises:
        PlaygroundError: no prompt, no words, too many, or a word that does not fit into what the model reads.
    """
    gpt = catalogue.lesson("gpt")
    prompt = _short(prompt, "prompt")
    asked = list(dict.fromkeys(w for w in words if w.strip()))
    if not asked:
        raise PlaygroundError("There is no word to watch: write one, or a few.")
    if len(asked) > MOST_WORDS:
        raise PlaygroundError(f"There are {len(asked)} words; at most {MOST_WORDS} can be watched.")
    found = {}
    for word in asked:
        text = word if word[0].isspace() or prompt[-1:].isspace() or not word[0].isalnum() else " " + word
        after = len(live.tokenizer.encode(text).ids)
        if after >= live.config.block_size:
            raise PlaygroundError(
                f"{word[:40]!r} has {after} tokens; the model reads {live.config.block_size} at once."
            )
        found[word] = float(gpt.word_probability(live.model, live.tokenizer, prompt, text))
    return found


def fill(live: Any, text: str, top: int = 6) -> list[dict[str, Any]]:
    """BERT: for each [MASK] of a text the likeliest words and their probabilities, likeliest first.

    Raises:
        PlaygroundError: no [MASK] within what the model reads at once.
    """
    found = catalogue.lesson("bert").fill(live.model, live.tokenizer, _short(text, "text"), top)
    return [{"words": list(tokens), "p": list(probs)} for tokens, probs in found]


def answer(live: Any, text: str) -> dict[str, Any]:
    """T5: what the model makes of an input: {"input", "answer"}, the likeliest output.

    For sounds the input is a word; for gaps a text with <extra_id_0>, <extra_id_1> … where something is missing.

    Raises:
        PlaygroundError: a word with letters that the model has never seen, or a text without a gap.
    """
    from playground.training._pairs import UNK, is_sentinel

    t5, task = catalogue.lesson("t5"), live.task
    text = _short(text, "text").strip()
    ids = task.ask(text)
    if live.config.task == "pronunciation":
        strange = sorted({c for c in text.lower() if UNK in task.ask(c)})
        if strange or len(text.split()) > 1 or len(text) > 34:
            raise PlaygroundError(f"{text[:40]!r} is no single English word: use the letters a to z, no spaces.")
    elif not any(is_sentinel(token) for token in ids):
        raise PlaygroundError(f"There is no gap in {text[:60]!r}: write <extra_id_0> where something is missing.")
    return {"input": text, "answer": task.show(ids, t5.answer(live.model, [ids])[0])}


def _short(text: str, what: str) -> str:
    if not text.strip():
        raise PlaygroundError(f"The {what} is empty: write something.")
    if len(text) > MOST_CHARACTERS:
        raise PlaygroundError(f"The {what} has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read.")
    return text
