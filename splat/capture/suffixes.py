"""How the files of photos and videos end, in lower case. Light: imports nothing."""

PLAIN_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})  # that are read by themselves
HEIC_SUFFIXES = frozenset({".heic", ".heif"})  # read where pillow-heif is installed
RAW_SUFFIXES = frozenset(  # read where rawpy is installed
    {".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw"}
)
CAMERA_SUFFIXES = HEIC_SUFFIXES | RAW_SUFFIXES
PHOTO_SUFFIXES = PLAIN_SUFFIXES | CAMERA_SUFFIXES
PHOTO_ORDER = (*sorted(PLAIN_SUFFIXES), *sorted(CAMERA_SUFFIXES))  # of a photo in several kinds the first is taken
OTHER_PICTURE_SUFFIXES = frozenset({".gif", ".jxl", ".avif", ".jp2", ".insp"})  # that are not read
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".3gp", ".flv"}
)
