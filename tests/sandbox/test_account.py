"""The account's file: shared, careful with what is not its own, and honest about what it cannot do."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from sandbox.control.account import Account, Entry, reset
from sandbox.control.errors import AccountError, Refusal
from sandbox.control.store import FILE_NAME
from sandbox.control.wire import Values

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"


def add(account: Account, kind: str, name: str, *, inputs: Values | None = None, blocks: tuple[int, ...] = ()) -> int:
    urn = f"urn:pulumi:dev::shop::{kind}::{name}"
    values: Values = inputs or {}
    entry = Entry(kind, "us-east-1", name, name, urn, values, dict(values), [(kind, name)], [f"[0, {name}]"], blocks)
    with account.transaction() as open_account:
        return open_account.add(entry)


def test_what_is_added_is_there_for_another_process(account: Account) -> None:
    add(account, VPC, "vpc-1", inputs={"cidrBlock": "10.0.0.0/16"})
    other = Account(account.store.path.parent)
    found = other.get(VPC, "vpc-1")
    other.close()
    assert found is not None
    assert (found.inputs, found.urn) == ({"cidrBlock": "10.0.0.0/16"}, f"urn:pulumi:dev::shop::{VPC}::vpc-1")
    assert account.summary() == {VPC: 1}


def test_the_file_is_for_its_owner_only(account: Account) -> None:
    assert stat.S_IMODE(account.store.path.stat().st_mode) == 0o600


def test_a_failed_operation_leaves_nothing(account: Account) -> None:
    def fail_halfway() -> None:
        with account.transaction() as open_account:
            open_account.count_up("revisions")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with account.transaction() as open_account:
        assert open_account.counted("revisions") == 0


def test_numbers_are_given_once_whoever_asks(account: Account) -> None:
    folder = account.store.path.parent
    accounts = [Account(folder) for _ in range(4)]

    def ask(one: Account) -> list[int]:
        numbers: list[int] = []
        for _ in range(10):
            with one.transaction() as open_account:
                numbers.append(open_account.count_up("revisions"))
        return numbers

    with ThreadPoolExecutor() as pool:
        numbers = [number for some in pool.map(ask, accounts) for number in some]
    for one in accounts:
        one.close()
    assert sorted(numbers) == list(range(1, 41))


def test_dependants_are_gone_with_what_they_depended_on(account: Account) -> None:
    vpc = add(account, VPC, "vpc-1")
    subnet = add(account, SUBNET, "subnet-1", blocks=(vpc,))
    with account.transaction() as open_account:
        assert [one.id for one in open_account.dependants(vpc)] == ["subnet-1"]
        open_account.remove(subnet)
        assert not open_account.dependants(vpc)
        assert open_account.holder(SUBNET, "us-east-1", "[0, subnet-1]") is None


class TestTouch:
    RULE: ClassVar[Values] = {"protocol": "tcp", "fromPort": 80, "toPort": 80}
    INPUTS: ClassVar[Values] = {"tags": {"Name": "a"}, "tagsAll": {"Name": "a", "Owner": "b"}, "ingress": [RULE]}

    def test_a_change_behind_the_engines_back_shows_in_both_sides(self, account: Account) -> None:
        add(account, GROUP, "sg-1", inputs=self.INPUTS)
        account.touch("sg-1", {"ingress[0].toPort": 81, "tags.Name": "z", "revokeRulesOnDelete": True})
        found = account.get(GROUP, "sg-1")
        assert found is not None
        expected: Values = {
            "tags": {"Name": "z"},
            "tagsAll": {"Name": "z", "Owner": "b"},
            "ingress": [{**self.RULE, "toPort": 81}],
            "revokeRulesOnDelete": True,
        }
        assert (found.inputs, found.outputs) == (expected, expected)

    def test_a_property_can_be_taken_away(self, account: Account) -> None:
        add(account, GROUP, "sg-1", inputs=self.INPUTS)
        assert account.touch("sg-1", {"ingress": None, "tags.Name": None}).inputs == {
            "tags": {},
            "tagsAll": {"Owner": "b"},
        }

    def test_nothing_is_done_to_what_is_not_there(self, account: Account) -> None:
        add(account, VPC, "vpc-12345")
        with pytest.raises(Refusal, match=r"has the URN or id vpc-12346\. The nearest is vpc-12345\."):
            account.touch("vpc-12346", {"enableDnsSupport": True})

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"ingress[1].toPort": 81}, r"ingress\[1\]\.toPort cannot be set: the resource has no such place"),
            ({"ingress[0].toPort": "http"}, 'expected integer type, got "http" of type string'),
            ({"ingres": []}, "SecurityGroup sg-1 has no property ingres. Did you mean ingress?"),
        ],
    )
    def test_a_change_that_cannot_be_is_refused_as_a_whole(self, account: Account, changes: Values, words: str) -> None:
        add(account, GROUP, "sg-1", inputs=self.INPUTS)
        with pytest.raises(Refusal, match=words):
            account.touch("sg-1", {"tags.Name": "z", **changes})
        found = account.get(GROUP, "sg-1")
        assert found is not None
        assert found.inputs == self.INPUTS

    def test_a_resource_can_be_forgotten(self, account: Account) -> None:
        add(account, VPC, "vpc-1")
        assert account.forget("vpc-1").id == "vpc-1"
        assert account.list_resources() == []


class TestUnusableFiles:
    """Nothing that is there is ever overwritten; the sentence names the file and the way out."""

    @pytest.mark.parametrize("content", [b"dear diary", b"SQLite format 3\x00" + b"\x00" * 200])
    def test_a_foreign_file_is_left_alone(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(AccountError, match=r"account\.sqlite is .*modeshift sandbox reset"):
            Account(tmp_path)
        assert (tmp_path / FILE_NAME).read_bytes() == content

    def test_another_programs_database_is_left_alone(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / FILE_NAME) as other:
            other.execute("CREATE TABLE diary (entry)")
        other.close()
        content = (tmp_path / FILE_NAME).read_bytes()
        with pytest.raises(AccountError, match="another program's database"):
            Account(tmp_path)
        assert (tmp_path / FILE_NAME).read_bytes() == content

    def test_an_account_of_another_version_is_left_alone(self, tmp_path: Path) -> None:
        Account(tmp_path).close()
        with sqlite3.connect(tmp_path / FILE_NAME) as later:
            later.execute("PRAGMA user_version = 99")
        later.close()
        with pytest.raises(AccountError, match=r"made by another version of the sandbox \(99, not 1\)"):
            Account(tmp_path)

    def test_damage_found_later_is_explained(self, tmp_path: Path) -> None:
        first = Account(tmp_path)
        for number in range(50):
            add(first, VPC, f"vpc-{number}", inputs={"note": "x" * 500})
        first.close()
        content = bytearray((tmp_path / FILE_NAME).read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        (tmp_path / FILE_NAME).write_bytes(content)
        damaged = Account(tmp_path)
        with pytest.raises(AccountError, match="is damaged"):
            damaged.list_resources()
        damaged.close()
        assert (tmp_path / FILE_NAME).read_bytes() == bytes(content)

    def test_a_folder_that_is_a_file_is_explained(self, tmp_path: Path) -> None:
        (tmp_path / "account").write_text("x")
        with pytest.raises(AccountError, match="cannot be used"):
            Account(tmp_path / "account")

    def test_a_full_disk_is_explained_and_changes_nothing(self, account: Account) -> None:
        add(account, VPC, "vpc-1")
        with account.transaction() as open_account:
            del open_account
        pages = account.store.query("PRAGMA page_count")[0][0]
        account.store.query(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(AccountError, match=r"disk .*account\.sqlite is full.*free some space"):
            add(account, VPC, "vpc-2", inputs={"note": "x" * 100_000})
        assert [one.id for one in account.list_resources()] == ["vpc-1"]


class TestReset:
    def test_an_account_is_emptied_even_while_someone_has_it_open(self, account: Account) -> None:
        add(account, VPC, "vpc-1")
        assert reset(account.store.path.parent) is None
        assert account.list_resources() == []

    def test_a_foreign_file_is_kept_aside(self, tmp_path: Path) -> None:
        (tmp_path / FILE_NAME).write_bytes(b"dear diary")
        aside = reset(tmp_path)
        assert aside is not None
        assert aside.read_bytes() == b"dear diary"
        Account(tmp_path).close()

    def test_an_account_damaged_inside_is_kept_aside(self, tmp_path: Path) -> None:
        first = Account(tmp_path)
        for number in range(50):
            add(first, VPC, f"vpc-{number}", inputs={"note": "x" * 500})
        first.close()
        content = bytearray((tmp_path / FILE_NAME).read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        (tmp_path / FILE_NAME).write_bytes(content)
        aside = reset(tmp_path)
        assert aside is not None
        assert aside.read_bytes() == bytes(content)
        again = Account(tmp_path)
        assert again.list_resources() == []
        again.close()
