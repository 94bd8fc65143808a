"""Combine killed between file, row and answer: after the next start there is one of each."""

import asyncio

import pytest

from calibrant.combine.app import create_app
from calibrant.combine.settings import CombineSettings
from calibrant.combine.store import ProductRow
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.objects import open_store
from calibrant.runtime.probe import Step
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.testing.killed import Mortal, events_of


@pytest.mark.parametrize(
    ("step", "files", "written"),
    [(Step.ARTIFACT_PUT, 1, 0), (Step.BEFORE_COMMIT, 1, 0), (Step.COMMITTED, 1, 1)],
)
def test_file_row_and_answer_are_made_once(  # noqa: PLR0917 - fixtures
    step, files, written, database_site, tmp_path, bench
):
    settings = CombineSettings(data_dir=tmp_path, database=database_site.setting, worker_slots=1)
    told = {"sequencer": [bench.job("bias", bench.biases(3))]}
    combine = Mortal("combine", create_app, settings, told, events=1)
    products = open_store(settings)
    combine.dies(step)
    assert (len(list(products.keys("products"))), len(combine.rows(ProductRow))) == (files, written)
    combine.lives()
    (row,) = combine.rows(ProductRow)
    assert [f"objects:{key}" for key in products.keys("products")] == [row.uri]
    assert combine.rows(OutboxRow) == []
    (answer,) = asyncio.run(events_of(settings, "combine-results"))
    assert [product.product_id for product in JobDone.from_json(answer.data).products] == [row.product_id]
