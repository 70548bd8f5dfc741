"""The table of clients × features, as text and as Markdown."""

FEATURES = ["text", "stream", "chat", "tools", "countTokens", "embeddings", "models", "files", "caches", "batches",
            "interactions", "Live", "abort", "cut"]

# Client → what it has no calls for.
HAS_NOT = {
    "@google/generative-ai": ["models", "batches", "interactions", "Live"],
    "LangChain (npm)": ["countTokens", "models", "batches", "interactions", "Live"],
    "LangChain (PyPI)": ["models", "batches", "interactions", "Live"],
    "openai (npm)": ["countTokens", "caches", "interactions"],
    "openai (PyPI)": ["countTokens", "caches", "interactions"],
    "gemini-cli": ["countTokens", "embeddings", "models", "files", "caches", "batches", "interactions"],
}
# (client, feature) → the note below the table that says why it cannot be; not for the pool's sake.
CANNOT = {
    **{(client, feature): "¹" for client in ("openai (npm)", "openai (PyPI)") for feature in ("files", "Live")},
    ("gemini-cli", "Live"): "²",
    ("curl", "Live"): "³",
}
# The same, of what a client does with the help of another.
HELPED = {
    **{(client, feature): "⁴" for client in ("LangChain (npm)", "LangChain (PyPI)") for feature in ("files", "caches")},
    ("openai (npm)", "batches"): "⁵",
    ("openai (PyPI)", "batches"): "⁵",
}

BEGIN = "<!-- clients: written by tests/sdk/run.py -->"
END = "<!-- end of clients -->"


def cells(client, results):
    """The row of one client: results is feature → None when it passed, else the problem."""
    row = []
    for feature in FEATURES:
        if not expects(client, feature):
            row.append("–" + CANNOT.get((client, feature), ""))
        else:
            passed = results.get(feature, "did not run") is None
            row.append("ok" + HELPED.get((client, feature), "") if passed else "failed")
    return row


def expects(client, feature):
    return feature not in HAS_NOT.get(client, []) and (client, feature) not in CANNOT


def markdown(results):
    """The rows of the table; its head is for whoever shows it, in their language."""
    lines = [f"| | {' | '.join(FEATURES)} |", "|---" * (len(FEATURES) + 1) + "|"]
    lines += [f"| {client} | {' | '.join(cells(client, row))} |" for client, row in results.items()]
    return "\n".join(lines)


def compare(path, results, write):
    """What is wrong with the table in the file at `path`; with `write` it is put there."""
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    there, end, after = rest.partition(END)
    if not begin or not end:
        return [f"{path.name}: no table between {BEGIN} and {END}"]
    if write:
        path.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}")
        return []
    problems = [f"{path.name}: no note {mark} below the table of clients"
                for mark in sorted({*CANNOT.values(), *HELPED.values()}) if f"\n- {mark} " not in after]
    # A machine may lack what a client needs: rows of clients that did not run are left alone.
    missing = set(markdown(results).splitlines()) - set(there.splitlines())
    return problems + [f"{path.name}: its table of clients has not what this run found: {row}" for row in sorted(missing)]
