"""Texts for property tests: anything at all, and texts that are full of facts."""

from hypothesis import strategies as st

VOCABULARY = """
    Berlin 1,200 1.200 3.2% 13.2% the plant 2026-09-30 30_September_2026 Jane_O'Neil "quoted_words" INV-17 not unless ._ , €5
    192.168.0.1 https://a.example/b 你好公司 2025年3月5日 x@y.example Fjord_Holding_AG Fjord 10–15% 14:35 2_p.m. three
    /etc/hosts v2.3.1 EUR_1.9_billion if never Tuesday | - : ERROR { } "key": > 1. second half; und nicht 第三 ``` , and
"""
WORDS = st.lists(st.sampled_from(["\n", *(word.replace("_", " ") for word in VOCABULARY.split())]), max_size=60).map(
    " ".join
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | WORDS
