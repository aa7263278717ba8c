"""Copy the sample photos out of the test splits and write their LICENSE.md.

    python samples.py --data DIR --flowers-licence flowers5-LICENSE.txt --out ../samples

The photos were picked by eye as plain views of their class, before any model
had been tried on them.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

FLOWERS = {
    "daisy-1": "daisy/2454280137_e1637536ae_n.jpg",
    "daisy-2": "daisy/2632216904_274aa17433.jpg",
    "dandelion-1": "dandelion/141935731_d26d600f4f_m.jpg",
    "dandelion-2": "dandelion/16650892835_9228a3ef67_m.jpg",
    "roses-1": "roses/19440805164_920b28da61_n.jpg",
    "roses-2": "roses/1831404161_d2df86fd70.jpg",
    "sunflowers-1": "sunflowers/19453165201_2aa747e0bf.jpg",
    "sunflowers-2": "sunflowers/13096076565_72c2c60875_n.jpg",
    "tulips-1": "tulips/13976206001_fd1c2cbd60.jpg",
    "tulips-2": "tulips/12616825773_9aa4245b57_n.jpg",
}
WASTE = {
    "cardboard-1": "cardboard/cardboard213.jpg",
    "glass-1": "glass/glass143.jpg",
    "metal-1": "metal/metal169.jpg",
    "paper-1": "paper/paper173.jpg",
    "plastic-1": "plastic/plastic262.jpg",
    "trash-1": "trash/trash130.jpg",
}
SAMPLES = {"flowers5": FLOWERS, "waste6": WASTE}
CREDIT = re.compile(r"^(?P<name>\S+) CC-BY by (?P<author>.+) - (?P<url>https://\S+)$")

HEAD = """# Sample photos

Every photo here comes from the test split of its data set and was shrunk to a
short side of at most 144 pixels; nothing else was changed.

## Flowers

From TensorFlow's `flower_photos`. Each photo is under the Creative Commons
Attribution 2.0 Generic licence (CC BY 2.0,
<https://creativecommons.org/licenses/by/2.0/>).

| file | author | source |
|---|---|---|
"""
WASTE_HEAD = """
## Waste

From TrashNet (<https://github.com/garythung/trashnet>), MIT License,
Copyright (c) 2017 Gary Thung.

| file | name in TrashNet |
|---|---|
"""
MIT = """
> Permission is hereby granted, free of charge, to any person obtaining a copy
> of this software and associated documentation files (the "Software"), to deal
> in the Software without restriction, including without limitation the rights
> to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
> copies of the Software, and to permit persons to whom the Software is
> furnished to do so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all
> copies or substantial portions of the Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
> IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
> FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
> AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
> LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
> OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
> SOFTWARE.
"""


def credits_in(licence: str) -> dict[str, tuple[str, str]]:
    """Author and address of each photo that the data set's licence file lists."""
    found = (CREDIT.match(line) for line in licence.splitlines())
    return {match["name"]: (match["author"], match["url"]) for match in found if match}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--flowers-licence", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    credit = credits_in(args.flowers_licence.read_text(encoding="utf-8"))
    args.out.mkdir(parents=True, exist_ok=True)
    for set_name, samples in SAMPLES.items():
        for name, path in samples.items():
            shutil.copyfile(args.data / set_name / "test" / path, args.out / f"{name}.jpg")
    flowers = "".join(
        f"| `{name}.jpg` | {credit[path][0].replace('*', chr(92) + '*')} | <{credit[path][1]}> |\n"
        for name, path in FLOWERS.items()
    )
    waste = "".join(f"| `{name}.jpg` | `{Path(path).name}` |\n" for name, path in WASTE.items())
    (args.out / "LICENSE.md").write_text(HEAD + flowers + WASTE_HEAD + waste + MIT, "utf-8")


if __name__ == "__main__":
    main()
