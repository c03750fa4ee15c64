"""Refreshing a price sheet from a price list: a local server hands out files of the form that AWS publishes."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from automation.cost import refresh as refreshing
from automation.cost.refresh import refresh, render
from automation.errors import UserError
from stacks.prices import sheet as sheets
from stacks.prices.sheet import load_sheet, sheet_file

HEADER = [
    "SKU",
    "TermType",
    "StartingRange",
    "EndingRange",
    "PricePerUnit",
    "Currency",
    "Product Family",
    "usageType",
    "operation",
]
PREAMBLE = [
    ["FormatVersion", "v1.0"],
    ["Disclaimer", "None"],
    ["Publication Date", "2027-01-02T03:04:05Z"],
    ["Version", "1"],
]


def row(sku: str, usage: str, usd: str, start: str = "0", end: str = "Inf", **more: str) -> list[str]:
    known = {"SKU": sku, "usageType": usage, "PricePerUnit": usd, "StartingRange": start, "EndingRange": end}
    known |= {
        "TermType": "OnDemand",
        "Currency": "USD",
        **{key.replace("_", " "): value for key, value in more.items()},
    }
    return [known.get(name, "") for name in HEADER]


@dataclass
class PriceList:
    """Offers by code, served as AWS serves them."""

    url: str
    offers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def price_list() -> Iterator[PriceList]:
    served: PriceList

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            offer = self.path.split("/")[4]
            if offer not in served.offers:
                self.send_error(404)
                return
            text = io.StringIO(newline="")
            writer = csv.writer(text, quoting=csv.QUOTE_ALL)
            writer.writerows([*PREAMBLE, ["OfferCode", offer], HEADER, *served.offers[offer]])
            body = gzip.compress(text.getvalue().encode())
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = PriceList(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of sheets to write to, in place of the repository's."""
    shutil.copy(sheet_file("us-east-1"), tmp_path)
    monkeypatch.setattr(sheets, "FOLDER", tmp_path)
    load_sheet.cache_clear()
    yield tmp_path
    load_sheet.cache_clear()


def test_a_price_is_renewed_with_the_day_of_its_list(folder: Path, price_list: PriceList) -> None:
    price_list.offers["AWSELB"] = [
        row("A", "LoadBalancerUsage", "0.0252", Product_Family="Load Balancer-Application"),
        row("N", "LoadBalancerUsage", "0.0225", Product_Family="Load Balancer-Network"),
        row("T", "TS-LoadBalancerUsage", "9", Product_Family="Load Balancer-Application"),
        row("R", "LoadBalancerUsage", "1", Product_Family="Load Balancer-Application", TermType="Reserved"),
    ]
    renewal = refresh("us-east-1", price_list.url)
    after = load_sheet("us-east-1").prices

    assert "/offers/v1.0/aws/AWSELB/current/us-east-1/index.csv" in price_list.asked
    assert renewal.changed() == ["alb.hours"]
    assert (after["alb.hours"].usd, str(after["alb.hours"].date)) == (Decimal("0.0252"), "2027-01-02")
    assert after["nlb.hours"].usd == Decimal("0.0225")
    assert "AWSELB lists no LCUUsage" in renewal.problems["alb.lcu"]
    assert after["alb.lcu"].usd == Decimal("0.008")
    assert "dashboard" in renewal.by_hand


def test_tiers_and_what_is_free_are_told_apart(folder: Path, price_list: PriceList) -> None:
    price_list.offers["AmazonSNS"] = [
        row("S", "Requests-Tier1", "0.0000000000", "0", "2000000"),
        row("S", "Requests-Tier1", "0.0000006", "2000000"),
    ]
    price_list.offers["AmazonApiGateway"] = [
        row("H", "USE1-ApiGatewayHttpRequest", "0.0000009", "300000000"),
        row("H", "USE1-ApiGatewayHttpRequest", "0.0000011", "0", "300000000"),
    ]
    refresh("us-east-1", price_list.url)
    after = load_sheet("us-east-1").prices

    assert (after["sns.requests"].free, after["sns.requests"].tiers) == (2_000_000, ((None, Decimal("0.60")),))
    assert after["apigateway.http"].tiers == ((300_000_000, Decimal("1.10")), (None, Decimal("0.90")))


def test_two_prices_for_one_thing_are_a_problem_and_two_equal_ones_none(folder: Path, price_list: PriceList) -> None:
    price_list.offers["AmazonECR"] = [row("1", "TimedStorage-ByteHrs", "0.2"), row("2", "TimedStorage-ByteHrs", "0.20")]
    price_list.offers["AmazonVPC"] = [
        row("1", "USE1-PublicIPv4:InUseAddress", "0.005"),
        row("2", "USE1-PublicIPv4:InUseAddress", "0.006"),
    ]
    renewal = refresh("us-east-1", price_list.url)

    assert renewal.renewed["ecr.storage"].usd == Decimal("0.2")
    assert renewal.problems["ipv4.hours"] == "AmazonVPC lists 2 prices for PublicIPv4:InUseAddress"
    assert load_sheet("us-east-1").prices["ipv4.hours"].usd == Decimal("0.005")


def test_a_new_region_has_only_what_its_list_has(folder: Path, price_list: PriceList) -> None:
    price_list.offers["AmazonECS"] = [
        row("1", "EUC1-Fargate-vCPU-Hours:perCPU", "0.04656"),
        row("2", "EUC1-SpotUsage-Fargate-vCPU-Hours:perCPU", "0.01"),
    ]
    price_list.offers["awskms"] = [row("1", "eu-central-1-KMS-Keys", "1")]
    price_list.offers["AmazonRoute53"] = [row("1", "HostedZone", "0.5", Product_Family="DNS Zone")]
    renewal = refresh("eu-central-1", price_list.url)
    made = load_sheet("eu-central-1")

    assert "/offers/v1.0/aws/AmazonRoute53/current/index.csv" in price_list.asked
    assert made.region == "eu-central-1"
    assert {key: price.usd for key, price in made.prices.items()} == {
        "fargate.vcpu.x86_64": Decimal("0.04656"),
        "kms.keys": Decimal(1),
        "route53.zones": Decimal("0.5"),
    }
    assert made.prices["kms.keys"].source == "AWS public price list"
    assert renewal.changed() == []
    assert "us-east-1" not in (folder / "eu-central-1.yaml").read_text()


def test_an_unreachable_list_is_said_and_changes_nothing(folder: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        before = (folder / "us-east-1.yaml").read_bytes()
        with pytest.raises(UserError) as refused:
            refresh("us-east-1", f"http://127.0.0.1:{held.getsockname()[1]}")

    assert "cannot be reached" in refused.value.message
    assert (folder / "us-east-1.yaml").read_bytes() == before


def test_a_list_without_a_single_offer_cannot_be_reached(folder: Path, price_list: PriceList) -> None:
    with pytest.raises(UserError) as refused:
        refresh("us-east-1", price_list.url)

    assert "Not Found" in refused.value.message


def test_what_is_no_price_list_is_a_problem(
    folder: Path, price_list: PriceList, monkeypatch: pytest.MonkeyPatch
) -> None:
    price_list.offers["AmazonECR"] = [row("1", "TimedStorage-ByteHrs", "0.2")]
    monkeypatch.setattr(f"{__name__}.PREAMBLE", [["<html>"]])
    with pytest.raises(UserError) as refused:
        refresh("us-east-1", price_list.url)

    assert "cannot be reached" in refused.value.message


def test_only_the_web_is_asked() -> None:
    with pytest.raises(UserError):
        refresh("us-east-1", "file:///etc")


def test_the_sheet_has_the_form_a_refresh_writes() -> None:
    text = sheet_file("us-east-1").read_text(encoding="utf-8")

    assert render(text, load_sheet("us-east-1").prices) == text
    assert refreshing.TEMPLATE == "us-east-1"
