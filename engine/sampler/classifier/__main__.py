"""`python -m engine.sampler.classifier --model FOLDER`: pictures in on standard input, labels out on standard output.

The first line that it writes is `{"labels": [...]}`, once the model is loaded. A request is four bytes of length (big
endian) and a picture's file; the answer is one line: `{"scores": {label: 0 to 1}}`, or `{"error": "..."}` for what is
no picture. The end of its input ends it, so that it never outlives whoever started it.
"""

import argparse
import json
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from engine.sampler.classifier.model import Classifier

LARGEST = 256 * 2**20  # bytes of one picture


def main() -> int:
    """Load the model, then answer until the input ends; 1 with a sentence if the model cannot be used."""
    parser = argparse.ArgumentParser(prog="engine.sampler.classifier")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    given = parser.parse_args()
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    try:
        classifier = Classifier.load(given.model, given.device)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the classifier's model cannot be used: {str(error).splitlines()[0]}\n")
        return 1
    print(json.dumps({"labels": classifier.labels}), file=answers, flush=True)
    while (data := _next(sys.stdin.buffer)) is not None:
        try:
            answer: dict[str, object] = {"scores": classifier.scores(data)}
        except (OSError, ValueError) as error:  # no picture
            answer = {"error": type(error).__name__}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


def _next(source: BinaryIO) -> bytes | None:
    """Read the next picture; None at the end."""
    head = source.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack(">I", head)
    data = source.read(length) if length <= LARGEST else b""
    return data if len(data) == length else None


if __name__ == "__main__":
    sys.exit(main())
