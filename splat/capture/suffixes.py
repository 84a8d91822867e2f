"""How the files of photos and videos end, in lower case. Light: imports nothing."""

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
HEIC_SUFFIXES = frozenset({".heic", ".heif"})
OTHER_PICTURE_SUFFIXES = frozenset(  # raw photos and formats that are not read
    {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".gif", ".jxl", ".avif", ".jp2", ".insp"}
)
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".3gp", ".flv"}
)
