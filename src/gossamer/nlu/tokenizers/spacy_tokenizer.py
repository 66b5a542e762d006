"""The words that a spaCy model cuts a text into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.messages import Token
from gossamer.nlu.tokenizers.tokenizer import Tokenizer, TokenizerOptions


class SpacyTokenizerOptions(TokenizerOptions):
    """Options of `SpacyTokenizer`: those of all tokenizers."""


class SpacyTokenizer(Tokenizer):
    """Cuts texts as the spaCy model of `SpacyNLP` does; as in Rasa, punctuation is a token.

    Tokens have a lemma and a fine-grained part of speech (`tag_` of spaCy), where the model gives
    them. Their text is as SpacyNLP hands it to spaCy: lower case, unless `case_sensitive` is set.
    """

    name: ClassVar[str] = "SpacyTokenizer"
    Options: ClassVar[type[ComponentOptions]] = SpacyTokenizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"tokens", "parts of speech"})
    requires: ClassVar[frozenset[str]] = frozenset({"documents"})
    needs: ClassVar[tuple[str, ...]] = ("spacy",)

    def cut(self, text: str, document: Any) -> Iterator[Token]:
        """The tokens of a document that are not blank, up to the end of the text."""
        for token in document:
            end = token.idx + len(token)
            if end <= len(text) and token.text.strip():
                yield Token(token.text, token.idx, end, token.lemma_, token.tag_)
