"""The texts of training examples as plain text, a line each: a corpus for a semantic map.

python benchmarks/corpus.py ../shared/data/sara/split/train.yml ... --out corpus.txt
"""

from __future__ import annotations

import argparse
from pathlib import Path

from support import plain_errors

from gossamer.data import read_training_data
from gossamer.data.text.text_files import write_text


def main() -> None:
    """Read the files, write the corpus, say how many lines it has."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="NLU training data")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    texts = [
        " ".join(example.text.split())
        for path in args.files
        for example in read_training_data(path).unique_examples()
    ]
    write_text(args.out, "".join(f"{text}\n" for text in texts))
    print(f"{len(texts):,} lines in {args.out}")


if __name__ == "__main__":
    plain_errors.run(main)
