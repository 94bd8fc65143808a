"""Checks of products, certifications, publications and files fail for each violation of what they check."""

import copy

import pytest
from small_site import SUBJECT, also, entry, event, spoilt

from chaos.product_checks import certifications, files, products, publications, ranges
from chaos.undisturbed import same_products


def test_a_product_twice_a_result_twice_a_file_too_many(left):
    also(left, "combine", "combine_product", product_id="p2")
    left.events["combine-results"].append(event("combine-results", "d2", "JobDone", job_id="job-n1"))
    left.files["products/dd.fits"] = ("dd", 8)
    for text in ("products of job job-n1", "results of job job-n1", "belongs to nothing: products/dd.fits"):
        spoilt(products, left, text)


def test_a_product_missing_or_expected_by_nobody(left):
    left.rows["combine", "combine_product"][0]["job_id"] = "job-other"
    spoilt(products, left, "no product of job: job-n1")
    spoilt(products, left, "no plan expects: job-other")


def test_a_product_never_announced(left):
    left.events["combine-results"].clear()
    spoilt(products, left, "never announced: job-n1")


def test_a_certification_twice_missing_or_not_announced(left):
    also(left, "certify", "certify_entry", certification_id="cert-2")
    spoilt(certifications, left, "certifications of product p1")
    spoilt(certifications, left, "in the ledger unexpectedly: cert-2")
    left.rows["certify", "certify_entry"].clear()
    spoilt(certifications, left, "not in the ledger: cert-p1")
    spoilt(certifications, left, "announced and not in the ledger: cert-p1")


def test_a_certification_announced_under_two_identifiers(left):
    told = event("certifications", "k2", "CalibrationCertified", certification_id="cert-p1")
    left.events["certifications"].append(told)
    spoilt(certifications, left, "announcement of certification cert-p1: 2 times")


def test_a_publication_twice_pending_missing_or_announced_twice(left):
    also(left, "archive", "archive_publication", status="pending")
    told = event("publications", "b2", "ProductPublished", publication_id="pub-p1")
    left.events["publications"].append(told)
    for text in ("publications of certification", "is pending", "announcement of publication pub-p1"):
        spoilt(publications, left, text)
    left.rows["archive", "archive_publication"].clear()
    spoilt(publications, left, "not published: cert-p1")


def test_ranges_that_overlap_in_the_ledger_or_beside_it(left):
    left.rows["certify", "certify_entry"].append(entry(2, "p2", 199, 300))
    spoilt(ranges, left, "ranges of p1 and p2 overlap")


def test_ranges_that_touch_do_not_overlap(left):
    left.rows["certify", "certify_entry"].append(entry(2, "p2", 200, 300))
    kept = SUBJECT | {"sequence": 2, "product_id": "p2", "filter": "", "begin_tai_ns": 200, "end_tai_ns": 300}
    left.rows["certify", "certify_in_force"].append(kept)
    assert ranges(left).wrong == ()


@pytest.mark.parametrize("change", [{"end_tai_ns": 201}, {"detector": 1}, {"sequence": 7}])
def test_ranges_in_force_that_differ_from_the_ledger(left, change):
    left.rows["certify", "certify_in_force"][0].update(change)
    spoilt(ranges, left, "not kept as in force")
    spoilt(ranges, left, "without a ledger's line")


@pytest.mark.parametrize("found", [("zz", 8), ("bb", 9), None])
def test_a_file_announced_that_is_missing_or_another(left, found):
    left.files.pop("archive/cc.fits")
    if found:
        left.files["archive/cc.fits"] = found
    spoilt(files, left, "objects:archive/cc.fits: announced with bb")


def test_products_that_differ_from_those_made_without_faults(left):
    reference = copy.deepcopy(left)
    assert same_products(left, ["run-1"], reference, ["run-1"]).wrong == ()
    left.rows["combine", "combine_product"][0]["sha256"] = "zz"
    left.rows["certify", "certify_entry"].clear()
    wrong = same_products(left, ["run-1"], reference, ["run-1"]).wrong
    for text in (
        "lacks: ('product', 'p1', 'bb')",
        "should not: ('product', 'p1', 'zz')",
        "lacks: ('certification'",
    ):
        assert any(text in line for line in wrong), wrong
