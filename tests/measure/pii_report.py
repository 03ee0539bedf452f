"""How well ``personal`` finds what is labelled in the Korean set: run ``python tests/measure/pii_report.py [--misses]``.

The set (shared/data/pii_ko beside the checkout, never committed) has fictitious conversations with labelled spans. Its
labels are not those of ``personal``: names anywhere, places without a number and ages cannot be found by a certain
pattern and stay misses.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

from ftdata.measure.private import Span, personal

DATA = Path(__file__).parents[3] / "shared" / "data" / "pii_ko"
# Which kinds answer which label of the set.
LABELS = {
    "PERSON": ("name",),
    "CONTACT": ("phone-kr", "phone-us", "phone"),
    "ADDRESS": ("address-kr",),
    "ACCOUNT": ("account-kr", "card", "iban", "business-kr"),
    "EMAIL": ("email",),
    "DATE": (),
    "ORDER": (),
    "EXPIRY": (),
}


def rows():
    """Each text of the set with its labelled spans."""
    lines = (DATA / "data.jsonl").read_text("utf-8").splitlines()
    for label in map(json.loads, (DATA / "labels.jsonl").read_text("utf-8").splitlines()):
        message = json.loads(lines[label["line"] - 1])["messages"][label["message"]]
        yield label["line"], message["content"], label["spans"]


def overlaps(span: Span, label: dict) -> bool:
    return span.start < label["end"] and label["start"] < span.end


def main() -> None:
    if not DATA.exists():
        sys.exit(f"{DATA.name}: not beside this checkout")
    total, exact, touched = Counter(), Counter(), Counter()
    found, right, hit, sure, sure_hit = Counter(), Counter(), Counter(), Counter(), Counter()
    misses, alarms = defaultdict(Counter), defaultdict(Counter)
    for line, text, labels in rows():
        spans = personal(text)
        for label in labels:
            total[label["type"]] += 1
            same = [s for s in spans if s.kind in LABELS[label["type"]]]
            stripped = text[label["start"] : label["end"]].strip()
            exact[label["type"]] += any(text[s.start : s.end] == stripped and overlaps(s, label) for s in same)
            touched[label["type"]] += any(overlaps(s, label) for s in same)
            if not any(overlaps(s, label) for s in spans):
                misses[label["type"]][f"{line}: {text[max(0, label['start'] - 25) : label['start']]}[{stripped}]"] += 1
        for span in spans:
            found[span.kind] += 1
            sure[span.kind] += span.certain
            any_label = [label for label in labels if overlaps(span, label)]
            hit[span.kind] += bool(any_label)
            sure_hit[span.kind] += bool(any_label) and span.certain
            right[span.kind] += any(span.kind in LABELS[label["type"]] for label in any_label)
            if not any_label:
                around = (
                    f"{text[max(0, span.start - 30) : span.start]}[{text[span.start : span.end]}]{text[span.end : span.end + 15]}"
                )
                alarms[span.kind][f"{line}: {span.certain} {around}"] += 1
    print(f"{'label':10} {'labelled':>8} {'exact':>7} {'overlap':>8}   recall exact, overlapping")
    for label, n in total.most_common():
        print(f"{label:10} {n:8} {exact[label]:7} {touched[label]:8}   {exact[label] / n:.1%} {touched[label] / n:.1%}")
    print(f"\n{'kind':12} {'found':>6} {'labelled':>9} {'own label':>9} {'certain':>8}   precision, of the certain")
    for kind, n in found.most_common():
        print(
            f"{kind:12} {n:6} {hit[kind]:9} {right[kind]:9} {sure[kind]:8}   {hit[kind] / n:.1%} {sure_hit[kind] / max(1, sure[kind]):.1%}"
        )
    if "--misses" in sys.argv:
        for title, table in (("MISSED", misses), ("NOT LABELLED", alarms)):
            for name, entries in table.items():
                print(f"\n{title} {name}")
                for entry in entries:
                    print("  ", entry.replace("\n", "⏎"))


if __name__ == "__main__":
    main()
