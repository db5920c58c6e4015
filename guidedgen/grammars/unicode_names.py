"""Names of Unicode properties as ECMA-262 spells them (tables 66 to 68): exact spelling, no loose matching."""

from __future__ import annotations

from typing import Final

# Short name, prefixes of the two-letter categories it covers, other names (PropertyValueAliases.txt, gc).
_TABLE: Final = """
C C Other
Cc Cc Control cntrl
Cf Cf Format
Cn Cn Unassigned
Co Co Private_Use
Cs Cs Surrogate
L L Letter
LC Lu,Ll,Lt Cased_Letter
Ll Ll Lowercase_Letter
Lm Lm Modifier_Letter
Lo Lo Other_Letter
Lt Lt Titlecase_Letter
Lu Lu Uppercase_Letter
M M Mark Combining_Mark
Mc Mc Spacing_Mark
Me Me Enclosing_Mark
Mn Mn Nonspacing_Mark
N N Number
Nd Nd Decimal_Number digit
Nl Nl Letter_Number
No No Other_Number
P P Punctuation punct
Pc Pc Connector_Punctuation
Pd Pd Dash_Punctuation
Pe Pe Close_Punctuation
Pf Pf Final_Punctuation
Pi Pi Initial_Punctuation
Po Po Other_Punctuation
Ps Ps Open_Punctuation
S S Symbol
Sc Sc Currency_Symbol
Sk Sk Modifier_Symbol
Sm Sm Math_Symbol
So So Other_Symbol
Z Z Separator
Zl Zl Line_Separator
Zp Zp Paragraph_Separator
Zs Zs Space_Separator
"""
_ROWS: Final = [row.split() for row in _TABLE.strip().splitlines()]

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {row[0]: tuple(row[1].split(",")) for row in _ROWS}
_BY_NAME: Final = {name: row[0] for row in _ROWS for name in (row[0], *row[2:])}

GENERAL_CATEGORY: Final = frozenset({"General_Category", "gc"})
SCRIPTS: Final = frozenset({"Script", "sc", "Script_Extensions", "scx"})
"""ECMA-262, table 66: the properties that take a value, besides General_Category."""

_BINARY_TABLE: Final = """
ASCII ASCII_Hex_Digit AHex Alphabetic Alpha Any Assigned Bidi_Control Bidi_C Bidi_Mirrored Bidi_M Case_Ignorable CI
Cased Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM Changes_When_Lowercased CWL
Changes_When_NFKC_Casefolded CWKCF Changes_When_Titlecased CWT Changes_When_Uppercased CWU Dash
Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji Emoji_Component EComp Emoji_Modifier EMod
Emoji_Modifier_Base EBase Emoji_Presentation EPres Extended_Pictographic ExtPict Extender Ext Grapheme_Base Gr_Base
Grapheme_Extend Gr_Ext Hex_Digit Hex IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS
Ideographic Ideo Join_Control Join_C Logical_Order_Exception LOE Lowercase Lower Math Noncharacter_Code_Point NChar
Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS Quotation_Mark QMark Radical Regional_Indicator RI Sentence_Terminal
STerm Soft_Dotted SD Terminal_Punctuation Term Unified_Ideograph UIdeo Uppercase Upper Variation_Selector VS
White_Space space XID_Continue XIDC XID_Start XIDS
"""
BINARY: Final = frozenset(_BINARY_TABLE.split())
"""ECMA-262, table 67: the binary properties."""


def category_name(name: str) -> str | None:
    """Return the short name of a General_Category value, or None if ECMA-262 has no value of this name."""
    return _BY_NAME.get(name)
