"""Options of the static vectors, checked before any file is read."""

from __future__ import annotations

from pydantic import Field

from gossamer.nlu.featurizers.vectors.pretrained_featurizer import PretrainedOptions


class StaticVectorsFeaturizerOptions(PretrainedOptions):
    """Options of `StaticVectorsFeaturizer`, which Rasa does not have.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        vectors: where the vectors are: a file of word vectors (text of word2vec, GloVe or fastText,
            which may be packed with gzip; or word2vec's binary format, `.bin`); a folder with one
            `.safetensors` file and the JSON of its tokenizer, as model2vec saves them; or the name
            of an installed package with two such files, such as "wordllama". A path is relative to
            the working folder.
        store: "model" keeps the vectors in the model; "reference" keeps a checksum, and each time
            the model is loaded the vectors are read from the files again, which must not have
            changed.
        additional_words: how many words are known besides those of the training data: the first
            ones of the file, which are the most frequent ones. Vectors of pieces of words are
            always kept all.
    """

    vectors: str = Field(default="wordllama", min_length=1)
