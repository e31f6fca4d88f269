"""Objects that a memory report must look at without running their code."""


class Rude:
    """Its methods are the app's code: a report that ran them could change or break it."""

    def __sizeof__(self):
        raise AssertionError("called")

    def __getattribute__(self, name):
        raise AssertionError("called")

    def __len__(self):
        raise AssertionError("called")

    def __eq__(self, other):
        raise AssertionError("called")

    __hash__ = None


class Lazy:
    """As Django's lazy objects, which load what they stand for when somebody asks what they are."""

    @property
    def __class__(self):
        raise AssertionError("called")

    def __str__(self):
        raise AssertionError("called")
