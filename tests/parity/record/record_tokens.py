"""Record what Rasa's white space tokenizer makes of our texts, and digests for Sara and SNIPS."""

from __future__ import annotations

from rasa_data import sara_texts, snips_texts, tokenizer, tokens_of
from recording import digests, write_fixture
from texts import TOKENIZER_TEXTS

PATTERN = r"(?u)\b\w+\b"


def main() -> None:
    """Write tokens.json (our texts) and tokens_shared.json (digests only)."""
    plain = tokenizer()
    with_pattern = tokenizer(token_pattern=PATTERN)
    write_fixture(
        "tokens",
        "record_tokens.py",
        {"component": "WhitespaceTokenizer", "token_pattern": PATTERN},
        [
            {
                "text": text,
                "tokens": tokens_of(plain, text),
                "pattern_tokens": tokens_of(with_pattern, text),
            }
            for text in TOKENIZER_TEXTS
        ],
    )
    content = {}
    for name, texts in (("sara", sara_texts()), ("snips", snips_texts())):
        content[name] = {
            "n_texts": len(texts),
            "texts": digests(texts),
            "tokens": digests([tokens_of(plain, text) for text in texts]),
            "pattern_tokens": digests([tokens_of(with_pattern, text) for text in texts]),
        }
    write_fixture(
        "tokens_shared",
        "record_tokens.py",
        {
            "component": "WhitespaceTokenizer",
            "token_pattern": PATTERN,
            "sara": "sorted different texts of sara/split/{train,test}.yml",
            "snips": "sorted different texts of snips/{train,val,test}.md",
            "digest": "for 20 texts at a time, 8 hex digits of SHA-256 of the canonical JSON",
        },
        content,
    )


if __name__ == "__main__":
    main()
