"""The table of clients × features, as text and as Markdown."""

FEATURES = ["text", "stream", "chat", "tools", "countTokens", "embeddings", "models", "files", "abort", "cut"]

# (client, feature) → why it cannot be, for reasons that are not the pool's.
WHY_NOT = {
    ("openai (npm)", "countTokens"): "OpenAI's API has none",
    ("openai (PyPI)", "countTokens"): "OpenAI's API has none",
    ("openai (npm)", "files"): "Google's compatible API documents none",
    ("openai (PyPI)", "files"): "Google's compatible API documents none",
    ("@google/generative-ai", "models"): "not in this client",
    ("LangChain (npm)", "countTokens"): "not in this client",
    ("LangChain (npm)", "models"): "not in this client",
    ("LangChain (npm)", "files"): "not in this client",
    ("LangChain (PyPI)", "countTokens"): "not in this client",
    ("LangChain (PyPI)", "models"): "not in this client",
    ("LangChain (PyPI)", "files"): "not in this client",
    **{("gemini-cli", feature): "not without a terminal" for feature in
       ("chat", "tools", "countTokens", "embeddings", "models", "files", "abort", "cut")},
}

BEGIN = "<!-- clients: written by tests/sdk/run.py -->"
END = "<!-- end of clients -->"


def cells(client, results):
    """The row of one client: results is feature → None when it passed, else the problem."""
    row = []
    for feature in FEATURES:
        if (client, feature) in WHY_NOT:
            row.append("–")
        else:
            row.append("ok" if results.get(feature, "did not run") is None else "failed")
    return row


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
    # A machine may lack what a client needs: rows of clients that did not run are left alone.
    missing = set(markdown(results).splitlines()) - set(there.splitlines())
    return [f"{path.name}: its table of clients has not what this run found: {row}" for row in sorted(missing)]
