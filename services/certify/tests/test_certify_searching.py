"""Which calibration applies in chains, tagged and run's collections, and for a whole exposure."""

from certify_register import DAILY


def test_a_chain_gives_the_first_match_and_names_the_others(register):
    register.wish("certify", products=["bias-2"], begin=50, end=None, collection="simcam/calib/new")
    register.wish("chain", collection="simcam/calib", members=[DAILY])
    register.wish("chain", collection="simcam/calib", members=["simcam/calib/new"], prepend=True)
    answer = register.find(60, collection="simcam/calib")
    assert answer["calibration"]["product"] == "bias-2"
    assert [one["product"] for one in answer["also"]] == ["bias-1"]
    assert [step["collection"] for step in answer["searched"]] == ["simcam/calib/new", DAILY]
    assert "the first of the chain simcam/calib" in answer["why"]
    assert "bias-1 of simcam/calib/daily would apply too" in answer["why"]
    assert register.products(10, collection="simcam/calib") == ["bias-1"]
    missing = register.find(-5, collection="simcam/calib")
    assert (missing["outcome"], missing["after"]["product"]) == ("not found", "bias-1")
    assert "nearest after is bias-2" in missing["why"]


def test_a_chain_that_would_lead_back_to_itself_is_refused_with_the_way(register):
    register.wish("chain", collection="c1", members=[DAILY])
    register.wish("chain", collection="c2", members=["c1"])
    assert "c1 > c2 > c1" in register.refused("chain", collection="c1", members=["c2"])
    assert "no collection c9" in register.refused("chain", collection="c1", members=["c9"])
    assert "is a chained collection, not a calibration one; it searches" in register.refused(
        "certify", products=["bias-2"], collection="c1"
    )
    assert "searches c1 already" in register.refused("chain", collection="c2", members=["c1"])


def test_a_tagged_collection_holds_one_product_of_a_kind_and_applies_always(register):
    register.wish("tag", collection="best", add=["bias-1", "bias-4"])
    assert "bias-1 is its bias of detector 3 there" in register.refused(
        "tag", collection="best", add=["bias-2"]
    )
    register.wish("tag", collection="best", add=["bias-2"], remove=["bias-1"])
    assert register.ask("collection", "best")["products"] == ["bias-2", "bias-4"]
    answer = register.find(10**12, collection="best")
    assert (answer["calibration"]["product"], answer["calibration"]["end"]) == ("bias-2", None)
    assert register.products(0, collection="best", kind="dark") == [None]


def test_what_a_run_made_is_in_its_collection(register):
    [run] = [one for one in register.ask("collections") if one["type"] == "run"]
    assert run["name"] == "runs/run-1"
    assert register.ask("collection", "runs/run-1")["products"] == ["bias-1", "bias-2", "bias-4", "flat-r"]
    assert register.products(0, collection="runs/run-1", detector=4) == ["bias-4"]
    assert "bias-1, bias-2 are, and nothing says which" in register.find(0, collection="runs/run-1")["why"]


def test_a_whole_exposure_has_its_gaps_named(register):
    register.wish("certify", products=["flat-r"], begin=0, end=10)
    facts = {"instrument": "simcam", "detectors": [3, 4], "kinds": ["bias", "flat"], "filter": "r"}
    whole = register.ask("exposure", at_tai_ns=5, **facts)
    assert whole["outcome"] == "incomplete"
    assert [(one["kind"], one["detector"], one["product"]) for one in whole["calibrations"]] == [
        ("bias", 3, "bias-1"),
        ("flat", 3, "flat-r"),
    ]
    assert [(one["kind"], one["detector"]) for one in whole["gaps"]] == [("bias", 4), ("flat", 4)]
    later = register.ask("exposure", at_tai_ns=20, **facts)
    [flat] = [one for one in later["gaps"] if (one["kind"], one["detector"]) == ("flat", 3)]
    assert "no flat of simcam detector 3 in filter r" in flat["why"]
    assert flat["before"]["product"] == "flat-r"
    then = register.ask("exposure", at_tai_ns=5, as_of_tai_ns=1001, **facts)
    assert [one["product"] for one in then["calibrations"]] == ["bias-1"]
    once = register.ask("exposure", at_tai_ns=150, as_of_tai_ns=1001, **facts)["gaps"][0]
    assert (once["kind"], once["detector"], once["before"]["product"]) == ("bias", 3, "bias-1")
    built = register.ask("exposure", at_tai_ns=5, collection="runs/run-1", **facts)["gaps"][0]
    assert "bias-1, bias-2 are, and nothing says which" in built["why"]
