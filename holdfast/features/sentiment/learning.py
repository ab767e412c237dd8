"""Learning the mood of texts from ratings: words and pieces of words, weighed by a regression, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

_BUCKETS = 2**18  # hashed, so that no word of a customer is kept
_COMMON = 2  # what one text alone says teaches nothing about others


def vectors(texts: Sequence[str]) -> csr_matrix:
    """Count words, pairs of words and pieces of words of each text, hashed; one row per text.

    Raises
    ------
    ValueError
        When no text holds a word.

    Examples
    --------
    >>> vectors(["It is slow.", "Es ist langsam."]).shape
    (2, 524288)
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

    plain: dict[str, Any] = {"n_features": _BUCKETS, "alternate_sign": False, "norm": None, "dtype": np.float64}
    words = HashingVectorizer(ngram_range=(1, 2), **plain)
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **plain)
    # pieces end with their word, so each distinct word is cut once
    distinct = CountVectorizer(analyzer=_split, dtype=np.float64)
    counts = distinct.fit_transform(texts)
    cut = pieces.transform(distinct.get_feature_names_out())
    both: csr_matrix = hstack([words.transform(texts), counts @ cut]).tocsr()
    return both


def _split(text: str) -> list[str]:
    return text.lower().split()


def read(train: csr_matrix, good: NDArray[np.bool_], texts: csr_matrix) -> NDArray[np.float64]:
    """Learn which texts are rated well, and read others: -1 bad to 1 good, three digits.

    Parameters
    ----------
    train, good
        The rated texts, and whether the rating was good; of either kind at least one.
    texts
        The texts to read.

    Examples
    --------
    >>> counted = vectors(["It is slow.", "So slow!", "It is fast.", "So fast!"])
    >>> moods = read(counted, np.array([False, False, True, True]), counted)
    >>> [bool(mood > 0) for mood in moods]
    [False, False, True, True]
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    having = np.bincount(train.indices, minlength=train.shape[1])
    told = np.flatnonzero(having >= min(_COMMON, having.max()))
    train, texts = train[:, told], texts[:, told]
    weigh = TfidfTransformer(sublinear_tf=True).fit(train)
    with threadpool_limits(limits=1, user_api="blas"):  # the number of cores must not change a bit
        model = LogisticRegression(max_iter=1_000).fit(weigh.transform(train), good)
        chance = model.predict_proba(weigh.transform(texts))[:, 1]
    return np.asarray(np.round(2.0 * chance - 1.0, 3), dtype=np.float64)
