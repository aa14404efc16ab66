"""Tables of numbers and categories."""

from stemma.data.catalog.places import Digests, in_package, mirrored
from stemma.data.entry import DatasetEntry, Source

COMES_WITH = "none stated with the data; they come with scikit-learn (BSD-3-Clause)"


def _sklearn(digests: Digests) -> tuple:
    return in_package("scikit-learn==1.9.1", "sklearn/datasets/data/", digests)


IRIS = DatasetEntry(
    name="iris",
    kind="table",
    title="Three species of iris by the size of sepal and petal",
    classes=("setosa", "versicolor", "virginica"),
    licence=COMES_WITH,
    citation="Fisher (1936). The use of multiple measurements in taxonomic problems. Annals of Eugenics 7(2)",
    sources={
        "package": Source(
            reader="sklearn_table",
            counts={"train": 150},
            files=_sklearn({"iris.csv": ("f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449", 2_734)}),
            options={"features": ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")},
        ),
    },
)

WINE = DatasetEntry(
    name="wine",
    kind="table",
    title="Wines of three growers by chemical analysis",
    classes=("class_0", "class_1", "class_2"),
    licence=COMES_WITH,
    citation="Forina et al. PARVUS: an extendible package for data exploration, classification and correlation",
    sources={
        "package": Source(
            reader="sklearn_table",
            counts={"train": 178},
            files=_sklearn(
                {"wine_data.csv": ("10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede", 11_157)}
            ),
            options={
                "features": (
                    *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols"),
                    *("flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
                    *("od280/od315_of_diluted_wines", "proline"),
                )
            },
        ),
    },
)

CELL = (
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness"),
    *("concavity", "concave points", "symmetry", "fractal dimension"),
)
BREAST_CANCER = DatasetEntry(
    name="breast_cancer",
    kind="table",
    title="Breast tumours, malignant or benign, by the shape of cell nuclei (Wisconsin)",
    classes=("malignant", "benign"),
    licence=COMES_WITH,
    citation="Street, Wolberg, Mangasarian (1993). Nuclear feature extraction for breast tumor diagnosis. SPIE 1905",
    sources={
        "package": Source(
            reader="sklearn_table",
            counts={"train": 569},
            files=_sklearn(
                {"breast_cancer.csv": ("fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed", 119_913)}
            ),
            options={
                "features": (
                    *(f"mean {name}" for name in CELL),
                    *(f"{name} error" for name in CELL),
                    *(f"worst {name}" for name in CELL),
                )
            },
        ),
    },
)

DIABETES = DatasetEntry(
    name="diabetes",
    kind="table",
    title="Progression of diabetes in a year, from ten measurements of 442 patients",
    classes=None,
    licence=COMES_WITH,
    citation="Efron, Hastie, Johnstone, Tibshirani (2004). Least angle regression. Annals of Statistics 32(2)",
    note="the measurements in their own units, not centred and scaled as scikit-learn's loader returns them",
    task="regress",
    sources={
        "package": Source(
            reader="sklearn_diabetes",
            counts={"train": 442},
            files=_sklearn(
                {
                    "diabetes_data_raw.csv.gz": (
                        "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
                        7_073,
                    ),
                    "diabetes_target.csv.gz": (
                        "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",
                        1_050,
                    ),
                }
            ),
        ),
    },
)

COVERTYPE_FILES = (
    # digest: scikit-learn 1.9.1, sklearn/datasets/_covtype.py (ARCHIVE.checksum), as are the addresses
    mirrored(
        {"covtype.data.gz": ("614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771", None)},
        "https://archive.ics.uci.edu/ml/machine-learning-databases/covtype/",
    )
)
COVERTYPE = DatasetEntry(
    name="covertype",
    kind="table",
    title="Kind of forest on 30x30 m patches, from maps",
    classes=(
        *("spruce_fir", "lodgepole_pine", "ponderosa_pine", "cottonwood_willow"),
        *("aspen", "douglas_fir", "krummholz"),
    ),
    licence=(
        "reuse unlimited with the copyright notice of Jock A. Blackard and Colorado State University, says covtype.info"
    ),
    citation=(
        "Blackard, Dean (1999). Comparative accuracies of artificial neural networks and discriminant analysis in "
        "predicting forest cover types. Computers and Electronics in Agriculture 24(3)"
    ),
    path_reader="covertype",
    sources={
        "canonical": Source(
            reader="covertype",
            counts={"train": 581_012},
            note="all patches as one part",
            files=COVERTYPE_FILES,
        ),
        "blackard": Source(
            reader="covertype",
            counts={"train": 11_340, "validation": 3_780, "test": 565_892},
            note="the authors' own split, by the order of the rows",
            files=COVERTYPE_FILES,
            options={"rows": {"train": 11_340, "validation": 3_780, "test": 565_892}},
        ),
    },
)

TABLE = DatasetEntry(
    name="table",
    kind="table",
    title="Your own table: CSV, TSV, JSON lines or Parquet; the column label holds classes",
    classes=None,
    licence="yours",
    citation="",
    path_reader="table",
    duplicates=0.2,
)

REGRESSION = DatasetEntry(
    name="regression",
    kind="table",
    title="Your own table: as table, but the column label holds numbers to predict",
    classes=None,
    licence="yours",
    citation="",
    path_reader="table",
    duplicates=0.2,
    task="regress",
)

ENTRIES = (IRIS, WINE, BREAST_CANCER, DIABETES, COVERTYPE, TABLE, REGRESSION)
