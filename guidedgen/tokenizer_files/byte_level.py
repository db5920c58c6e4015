"""Byte-level BPE: the alphabet that writes each byte as one printable character, and its inverse.

Source: Radford et al. 2019 (GPT-2), `bytes_to_unicode`: the printable bytes of Latin-1 stand for themselves, the other
68 bytes for U+0100 and following, in order.
"""

from __future__ import annotations

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

CHARACTER_OF_BYTE: dict[int, str] = {
    byte: chr(byte) if byte in _PRINTABLE else chr(0x100 + _OTHERS.index(byte)) for byte in range(256)
}
BYTE_OF_CHARACTER: dict[str, int] = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}
_TRANSLATION = {ord(character): byte for character, byte in BYTE_OF_CHARACTER.items()}
_ALPHABET = frozenset(BYTE_OF_CHARACTER)


def byte_level_tokens(names: list[str | None]) -> tuple[list[bytes], dict[int, str]]:
    """The bytes of each name, `b""` for None.

    Returns:
        The tokens, and the ids whose names use a character outside the alphabet, with the reason that they are unused.
    """
    unused: dict[int, str] = {}
    texts = [name or "" for name in names]
    if not _ALPHABET.issuperset("".join(texts)):
        for token, text in enumerate(texts):
            if not _ALPHABET.issuperset(text):
                texts[token] = ""
                unused[token] = "its name is not written in the byte-level alphabet, so no text encodes to it"
    # One translation for all of them: a character is a byte, so lengths carry over.
    data = "".join(texts).translate(_TRANSLATION).encode("latin-1")
    tokens, start = [], 0
    for text in texts:
        tokens.append(data[start : start + len(text)])
        start += len(text)
    return tokens, unused
