"""Learning the mood of texts from ratings: words and pieces of words, weighed by a regression, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

_BUCKETS = 2**18  # hashed, so that no word of a customer is kept


def vectors(texts: Sequence[str]) -> csr_matrix:
    """Count words, pairs of words and pieces of words of each text, hashed; one row per text."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    plain: dict[str, Any] = {"n_features": _BUCKETS, "alternate_sign": False, "norm": None, "dtype": np.float64}
    words = HashingVectorizer(ngram_range=(1, 2), **plain)
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **plain)
    both: csr_matrix = hstack([words.transform(texts), pieces.transform(texts)]).tocsr()
    return both


def read(train: csr_matrix, good: NDArray[np.bool_], texts: csr_matrix) -> NDArray[np.float64]:
    """Learn which texts are rated well, and read others: -1 bad to 1 good, three digits.

    Parameters
    ----------
    train, good
        The rated texts, and whether the rating was good; of either kind at least one.
    texts
        The texts to read.
    """
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    weigh = TfidfTransformer(sublinear_tf=True).fit(train)
    model = LogisticRegression(solver="liblinear", random_state=0).fit(weigh.transform(train), good)
    chance = model.predict_proba(weigh.transform(texts))[:, 1]
    return np.asarray(np.round(2.0 * chance - 1.0, 3), dtype=np.float64)
