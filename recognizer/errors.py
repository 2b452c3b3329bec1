"""One tree of errors; each message says what was seen, what was expected and what to try."""


class RecognizerError(Exception):
    """Anything that foreign input can cause: becomes data (a failed page, a refused file), never a traceback."""


class TemplateError(RecognizerError):
    """A sheet template cannot be used; the message names file, line and field."""


class ScanError(RecognizerError):
    """A file cannot be read as a scan at all: damaged, encrypted, empty, or no picture format we know."""


class PageError(RecognizerError):
    """One page of a readable scan cannot be turned into pixels."""


class RegistrationError(RecognizerError):
    """A page has no sheet on it that fits: corner marks are missing, contradict each other, or fit badly."""


class ForeignSheetError(RecognizerError):
    """The page is a good sheet, but of another exam, template or template version."""


class BlankPageError(RecognizerError):
    """The page is empty paper, such as the back of a sheet scanned on both sides."""


class ModelError(RecognizerError):
    """The weights are missing, damaged, or do not belong to their card."""


class GlyphError(RecognizerError):
    """A file of handwritten glyphs cannot be written with."""


class PictureSetError(RecognizerError):
    """A file of labelled pictures cannot be evaluated."""


class PrintError(RecognizerError):
    """A sheet cannot be printed as asked: paper too small, a character the fonts lack, an unusable roster."""


class ValueNotAllowedError(RecognizerError):
    """A text is no value that this field may hold; the message says what it may hold."""
