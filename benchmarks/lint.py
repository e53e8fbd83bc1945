"""How long `designer lint` takes beside the bare imports, and how it grows with the file."""

import tempfile
from pathlib import Path

from benchmarks.timing import medians_s

IMPORTS = "import click, ruamel.yaml"
MAIN = "from designer.cli import main; main({arguments!r})"
MODELS = ("openai/gpt-4o", "anthropic/claude-sonnet-4-6", "bedrock/eu.amazon.nova-pro-v1:0")


def run() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        small, large = folder / "300.yaml", folder / "100000.yaml"
        small.write_text(config(300), "utf-8")
        large.write_text(config(100_000), "utf-8")
        twenty = []
        for number in range(20):
            twenty.append(str(folder / f"{number}.yaml"))
            Path(twenty[-1]).write_text(config(300), "utf-8")
        taken = medians_s(
            {
                "imports": ["-c", IMPORTS],
                "300 lines": ["-c", MAIN.format(arguments=["lint", str(small)])],
                "20 × 300 lines": ["-c", MAIN.format(arguments=["lint", *twenty])],
                "100,000 lines": ["-c", MAIN.format(arguments=["lint", str(large)])],
            }
        )
    for name, seconds in taken.items():
        beyond = seconds - taken["imports"]
        print(f"{name:16} {seconds * 1000:7.0f} ms   {beyond * 1000:7.0f} ms beyond the imports")


def config(lines: int) -> str:
    """A LiteLLM configuration of about so many lines: groups of three, each with a fallback."""
    text = ["model_list:"]
    number = 0
    while len(text) < lines * 0.95:
        for member, model in enumerate(MODELS):
            text += [
                f"  - model_name: group-{number}",
                "    litellm_params:",
                f"      model: {model}",
                f"      api_key: os.environ/KEY_{member}",
                f"      order: {member + 1}",
                "      timeout: 30",
                "    model_info:",
                f"      id: group-{number}-{member}",
            ]
        number += 1
    text += ["router_settings:", "  num_retries: 1", "  fallbacks:"]
    text += [f"    - group-{n}: [group-{n + 1}]" for n in range(min(number - 1, lines // 20))]
    return "\n".join(text) + "\n"
