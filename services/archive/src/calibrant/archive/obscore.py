"""What the archive tells of a publication in the words of ObsCore (IVOA ObsCore 1.1), as far as they apply.

Owns how a row is filled. Calibration frames point nowhere: position, spectral and polarisation
columns are left out, and whoever serves the table over TAP adds them as nulls.
"""

from typing import Final

from calibrant.archive.store import ObsCoreRow, PublicationRow
from calibrant.contracts.common.v1 import Product, TaiTime
from calibrant.frames.times import mjd_tai, utc_text

CALIBRATED: Final = 2
"""ObsCore's calibration level: instrument signature removed as far as its own calibrations go."""
_KB = 1000
_IMAGE: Final = "image/fits"


def obscore_row(row: PublicationRow, authority: str) -> ObsCoreRow:
    """Return the catalogue row of a publication that has its copy.

    Parameters
    ----------
    row : PublicationRow
        Current, with size, media type and time of publication.
    authority : str
        Authority part of identifiers.
    """
    product = row.certified_product
    assert row.size_bytes is not None
    assert row.media_type is not None
    assert row.published_tai_ns is not None
    return ObsCoreRow(
        publication_id=row.publication_id,
        obs_publisher_did=f"ivo://{authority}/archive?{row.publication_id}",
        obs_creator_did=f"ivo://{authority}/products?{row.product_id}",
        obs_id=row.product_id,
        obs_collection=row.collection,
        obs_title=_title(row),
        obs_creator_name=row.requested_by,
        obs_release_date=utc_text(row.published_tai_ns),
        dataproduct_type="image" if row.media_type == _IMAGE else "measurements",
        dataproduct_subtype=row.kind,
        calib_level=CALIBRATED,
        instrument_name=row.instrument,
        detector=row.detector,
        filter=row.filter,
        t_min=_mjd(product.observed.begin),
        t_max=_mjd(product.observed.end),
        timescale="TAI",
        t_exptime=_exposure_s(product),
        access_url=row.access_path,
        access_format=row.media_type,
        access_estsize=-(-row.size_bytes // _KB),
        data_rights="public",
    )


def _title(row: PublicationRow) -> str:
    in_filter = f" in filter {row.filter}" if row.filter else ""
    what = f"Combined {row.kind}" if row.media_type == _IMAGE else row.kind.replace("-", " ").capitalize()
    return f"{what} of {row.instrument} detector {row.detector}{in_filter}, version {row.version}"


def _mjd(moment: TaiTime | None) -> float | None:
    return None if moment is None else mjd_tai(moment.ns)


def _exposure_s(product: Product) -> float | None:
    return None if product.dark_time_s is None else product.dark_time_s * product.inputs
