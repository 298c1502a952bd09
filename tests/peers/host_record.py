"""What the test host has committed: epochs, items, outcomes, gaps, and their counts.

A journal file, when given, holds the same as JSON lines and is loaded again
at the start, so that a killed host goes on where it had committed.
"""
import json
import os


class Segment:
    """One epoch of the line."""

    def __init__(self):
        self.next_seq, self.next_out = 1, 1
        self.words, self.decided = {}, {}
        self.gap_told = False


class Record:
    def __init__(self, path=None):
        self.proposed = {}                      # epoch -> nonce
        self.segments = {}
        self.items = self.duplicates = self.unreadable = self.recovered = 0
        self.gaps, self.outcomes, self.outcome_gaps = [], {}, 0
        self.by_outlet, self.by_reason, self.wrong_outlet = {}, {}, 0
        self.file = None
        if path and os.path.exists(path):
            self._load(path)
        if path:
            self.file = open(path, "a", encoding="ascii")

    def _load(self, path):
        with open(path, encoding="ascii") as journal:
            for line in journal:
                if line.endswith("\n"):
                    kind, *values = json.loads(line)
                    getattr(self, "_" + kind)(*values)

    def commit(self, kind, *values):
        if self.file:
            self.file.write(json.dumps([kind, *values]) + "\n")
            self.file.flush()
        getattr(self, "_" + kind)(*values)

    def segment(self, epoch):
        return self.segments.setdefault(epoch, Segment())

    def _epoch(self, epoch, nonce):
        self.proposed[epoch] = nonce

    def _open(self, epoch):
        self.segment(epoch)

    def _item(self, epoch, seq, words, outlet):
        segment = self.segment(epoch)
        self.duplicates += seq in segment.decided
        self.items += 1
        self.unreadable += words is None
        segment.words[seq], segment.decided[seq], segment.next_seq = words, outlet, seq + 1

    def _gap(self, epoch, first, last, count):
        self.gaps.append([epoch, first, last, count])
        if first:
            self.segment(epoch).next_seq = last + 1
        else:
            self.segment(epoch).gap_told = True

    def _outcome(self, epoch, index, seq, outlet, reason):
        self.segment(epoch).next_out = index + 1
        self.outcomes.setdefault((epoch, seq), []).append(outlet)
        self.by_outlet[outlet] = self.by_outlet.get(outlet, 0) + 1
        self.by_reason[reason] = self.by_reason.get(reason, 0) + 1
        if reason == 1 and self.segment(epoch).decided.get(seq) != outlet:
            self.wrong_outlet += 1

    def _outcome_gap(self, epoch, first, last):
        self.segment(epoch).next_out = last + 1
        self.outcome_gaps += last - first + 1

    def summary(self):
        return {"items": self.items, "duplicates": self.duplicates, "unreadable": self.unreadable,
                "recovered": self.recovered, "gaps": self.gaps,
                "outcomes": sum(len(o) for o in self.outcomes.values()),
                "outcomes_twice": sum(len(o) > 1 for o in self.outcomes.values()),
                "outcome_gaps": self.outcome_gaps, "wrong_outlet": self.wrong_outlet,
                "by_outlet": self.by_outlet, "by_reason": self.by_reason, "epochs": list(self.segments)}
