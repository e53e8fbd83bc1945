"""What is known about cards, bank accounts and keys. Facts only; see `shapes` for their use."""

from typing import Final

# ISO/IEC 7812 issuer ranges as the networks publish them (en.wikipedia.org/wiki/
# Payment_card_number, read 2026-11-22): first and last prefix, lengths.
CARD_RANGES: Final = (
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("2221", "2720", (16,)),  # Mastercard
    ("300", "305", (14, 16, 17, 18, 19)),  # Diners Club
    ("3095", "3095", (14, 16, 17, 18, 19)),
    ("34", "34", (15,)),  # American Express
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("36", "36", (14, 15, 16, 17, 18, 19)),  # Diners Club
    ("37", "37", (15,)),  # American Express
    ("38", "39", (14, 16, 17, 18, 19)),  # Diners Club
    ("4", "4", (13, 16, 18, 19)),  # Visa
    ("50", "50", (13, 14, 15, 16, 17, 18, 19)),  # Maestro, Elo, RuPay, Verve
    ("51", "55", (16,)),  # Mastercard
    ("56", "58", (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("60", "69", (13, 14, 15, 16, 17, 18, 19)),  # Discover, UnionPay, Maestro, RuPay, InstaPayment
    ("81", "82", (16, 17, 18, 19)),  # UnionPay, RuPay
    ("9792", "9792", (16,)),  # Troy
)

# SWIFT IBAN registry, release 99 (2024-12): country and whole length.
# fmt: off
IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28,
    "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}
# fmt: on

# Prefixes as the issuers document them, read 2026-11-22. What follows a prefix is matched
# loosely, since issuers lengthen their keys without notice.
KEY_SHAPES: Final = (
    r"sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-), DeepSeek, ours
    r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}",  # AWS access key ids
    r"gh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_.-]{16,}",  # GitLab
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-[A-Za-z0-9-]{10,}",
    r"AIza[0-9A-Za-z_-]{35}",  # Google
    r"ya29\.[0-9A-Za-z_-]{20,}",
    r"(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{20,}",  # Stripe
    r"hf_[A-Za-z0-9]{20,}",  # Hugging Face
    r"gsk_[A-Za-z0-9]{20,}",  # Groq
    r"xai-[A-Za-z0-9]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[A-Za-z0-9_-]{30,}",
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JWT, signed or not
)
# One of these stands in every key of the table above: cheap questions before the search, by a
# character that all of theirs have.
KEY_SIGNS: Final = {
    "-": ("sk-", "glpat-", "xox", "xapp-", "xai-", "pypi-", "PRIVATE KEY"),
    "_": (
        *("sk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "rk_", "pk_", "whsec_"),
        *("hf_", "gsk_", "npm_"),
    ),
    ".": ("ya29.", "SG.", "eyJ"),
    "": ("AKIA", "ASIA", "ABIA", "ACCA", "AIza"),
}
