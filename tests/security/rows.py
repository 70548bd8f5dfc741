"""What a row of the table is."""


class Row:
    """One attack and what came of it. `problems` is empty when it is as required."""

    def __init__(self, group, name, sent):
        self.group = group
        self.name = name
        self.sent = sent
        self.answer = ""
        self.upstream_bytes = 0
        self.reached = "nothing"
        self.problems = []

    def require(self, condition, otherwise):
        if not condition:
            self.problems.append(otherwise)

    def as_json(self):
        return {"group": self.group, "attack": self.name, "sent": self.sent, "answer": self.answer,
                "upstream_bytes": self.upstream_bytes, "reached_upstream": self.reached,
                "as_required": not self.problems, "problems": self.problems}


def shortened(payload, room=300):
    """`payload` as text for people: printable, with what is long cut in the middle."""
    text = payload.decode("latin-1").encode("unicode_escape").decode("ascii")
    if len(text) <= room:
        return text
    return f"{text[:room // 2]}…{text[-room // 2:]} ({len(payload)} bytes)"
