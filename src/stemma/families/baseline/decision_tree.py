"""decision_tree: questions about one feature each (Breiman, Friedman, Olshen, Stone 1984)."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from stemma.errors import StemmaError
from stemma.families.baseline.estimator import Estimator


class DecisionTree(Estimator):
    """CART by Gini impurity on pixels, TF-IDF or columns; its parameters are the thresholds and the leaves' shares."""

    trusted = (*Estimator.trusted, "sklearn.tree._tree.Tree")

    def __init__(self, spec: dict[str, Any], max_depth: int | None = None, min_leaf: int = 1) -> None:
        super().__init__(spec)
        self.estimator = self.on(DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_leaf, random_state=0))

    def parameter_count(self) -> int:
        tree = self.final.tree_
        return int(tree.node_count - tree.n_leaves + tree.n_leaves * tree.value.shape[-1])

    def load_weights(self, folder: Path) -> None:
        """As `Estimator.load_weights`.

        Raises:
            StemmaError: nodes that do not lead to a leaf; scikit-learn would follow them out of its memory.
        """
        super().load_weights(folder)
        tree = self.final.tree_
        if not sound(tree.children_left, tree.children_right, tree.feature, tree.n_features):
            raise StemmaError(f"{folder / 'estimator.skops'}: not a decision tree; its nodes lead nowhere")


def sound(left: np.ndarray, right: np.ndarray, feature: np.ndarray, features: int) -> bool:
    """Whether each node `[M]` is a leaf (no children, -1) or asks about a feature and leads to two later nodes."""
    number = np.arange(len(left))
    leaf = (left == -1) & (right == -1)
    inner = (number < left) & (left < len(left)) & (number < right) & (right < len(left))
    return bool((leaf | inner & (feature >= 0) & (feature < features)).all())
