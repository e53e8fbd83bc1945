"""The commented profile that `designer init` writes."""

from importlib.resources import files


def starter_profile(name: str = "my-gateway") -> str:
    text = files("designer.profile").joinpath("starter.yaml").read_text(encoding="utf-8")
    return text.replace("name: my-gateway", f"name: {name}", 1)
