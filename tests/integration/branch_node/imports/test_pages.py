"""The import wizard, as a person walks through it in a browser without scripts."""

import io
import re
from datetime import timedelta

import pytest
from openpyxl import load_workbook

from branch_node.customers.models import Customer
from branch_node.imports import file_pages, jobs, pages, row_pages, wizard, working
from branch_node.imports.kinds import KINDS
from branch_node.imports.mapping import recognise, suggest
from branch_node.imports.models import Import, ImportState
from branch_node.managers.models import Manager
from shared.auth import operations
from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.files.spreadsheets import Column, write_xlsx
from shared.files.tables import open_table
from shared.jobs.job import Progress
from shared.jobs.vocabulary import RunOutcome
from shared.rights.policy import ceiling
from shared.rights.vocabulary import StaffKind
from shared.runtime import NodeRuntime
from shared.web.app import create_flask
from tests.support.branch import ANA, NOON
from tests.support.page_client import FollowingClient

PASSWORD = "correct horse battery"


@pytest.fixture
def runtime(database, tmp_path):
    settings = NodeSettings(
        Home(tmp_path), database.url, "a secret of this test only, 32 long", language="en"
    )
    settings.home.create()
    return NodeRuntime(settings, FakeClock(NOON), database)


@pytest.fixture
def sign_in(database, runtime):
    app = create_flask(
        "branch_node.app",
        runtime,
        product="branch",
        home="imports.index",
        blueprints=[pages.blueprint, row_pages.blueprint, file_pages.blueprint],
    )
    app.test_client_class = FollowingClient

    def make(kind):
        with database.sessions.begin() as session:
            user, _code = operations.create_user(
                session, username=kind.value, name="王芳", kind=kind, data_range=ceiling(kind), by=ANA
            )
            operations.set_password(session, user, PASSWORD, by=ANA)
        browser = app.test_client()
        assert isinstance(browser, FollowingClient)
        assert browser.sign_in(kind.value, PASSWORD).status_code == 303
        return browser

    return make


@pytest.fixture
def browser(sign_in):
    return sign_in(StaffKind.BRANCH_MANAGER)


def upload(browser, kind, content, name="file.csv"):
    return browser.send("/imports/", kind=kind, file=(io.BytesIO(content), name))


def form_of(page):
    """Return what a person who changes nothing would send."""
    form = {}
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        form[name] = chosen[0] if chosen else ""
    return form


def address(response):
    return response.request.path


def test_a_file_goes_from_upload_to_result_with_every_step_shown(browser, importer, managers):
    managers()
    file = "客户编号,类型,名称,经理,tenure\nC1,individual,张三,M1,3\nC2,group,李四,M9,-1\nC3,group,王五,M2,\n".encode()

    mapping = upload(browser, "customers", file)
    assert "C3" in mapping.text
    form = {**form_of(mapping.text), "column-3": "manager_no"}
    checked = browser.send(f"{address(mapping)}/mapping", **form)

    assert "Create 2, update 0, leave out 1" in checked.text
    assert "There is no account manager M9 here" in checked.text
    assert "is negative" in checked.text
    assert importer.all(Customer) == []

    result = browser.send(f"{address(checked)}/commit")

    assert "Rows that were refused" in result.text
    assert [customer.name for customer in importer.all(Customer)] == ["张三", "王五"]
    errors = browser.get(f"{address(result)}/refused.csv", buffered=True)
    assert errors.data.decode("utf-8-sig").splitlines()[0].endswith("tenure,row,column,code,message")
    assert not wizard.stored_file(
        browser.application.extensions["branchline"], address(result).split("/")[-1]
    ).exists()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Customer number (customer_no)", "Mobile (mobile)", "Life-cycle stage (lifecycle_stage)")),
        ("zh_CN", ("客户编号", "手机", "生命周期阶段")),
    ],
)
def test_columns_are_called_by_their_words_in_both_languages(browser, language, words):
    browser.send("/account/language", language=language)

    page = upload(browser, "customers", b"customer_no,name,mobile\nC1,Li,1\n").text

    for word in words:
        assert f">{word}</option>" in page


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_has_headings_that_say_everything_in_the_readers_language(
    browser, tmp_path, kind, language
):
    browser.send("/account/language", language=language)

    for extension in ("csv", "xlsx"):
        path = tmp_path / f"empty.{extension}"
        path.write_bytes(browser.get(f"/imports/template/{kind}.{extension}").data)
        headings = open_table(path).headings
        assert recognise(headings).name == kind
        assert list(suggest(KINDS[kind], headings).values()) == KINDS[kind].template
        assert all(heading.isascii() for heading in headings) == (language == "en")


def test_a_workbook_with_headings_says_what_belongs_below_each(browser, tmp_path):
    path = tmp_path / "empty.xlsx"
    path.write_bytes(browser.get("/imports/template/customers.xlsx").data)

    told = {
        row[0]: row[1] for row in load_workbook(path).worksheets[1].iter_rows(min_row=2, values_only=True)
    }

    assert told["kind"] == "individual or group (required)"
    assert told["mobile"] == "Mobile number"


def test_an_error_file_speaks_chinese_and_is_taken_in_as_it_is_once_mended(browser, importer):
    browser.send("/account/language", language="zh_CN")
    mapping = upload(browser, "customers", "编号,类型,姓名,手机号\nC1,火星客户,张三,12\n".encode())
    checked = browser.send(f"{address(mapping)}/mapping", **form_of(mapping.text))
    assert "个人客户、集团客户" in checked.text
    assert "individual" not in checked.text

    errors = browser.get(f"{address(checked)}/refused.csv").data.decode("utf-8-sig")
    heading, row = errors.splitlines()
    assert heading == "编号,类型,姓名,手机号,行号,列名,代码,原因"
    assert ",2,客户类型,unknown-word," in row
    assert "手机: " in row
    mended = errors.replace("火星客户", "个人客户").replace("张三,12,", "张三,13800000001,")
    mapping = upload(browser, "", mended.encode())
    checked = browser.send(f"{address(mapping)}/mapping", **form_of(mapping.text))
    browser.send(f"{address(checked)}/commit")

    assert [one.mobile for one in importer.all(Customer)] == ["13800000001"]


def test_columns_in_errors_and_results_are_called_by_their_words(browser):
    browser.send("/account/language", language="zh_CN")
    page = upload(browser, "customers", "no,姓名\nC1,张三\n".encode())
    path = f"{address(page)}/mapping"

    refused = browser.send(path, **{"column-0": "customer_no", "column-1": "name"})
    updating = {"column-0": "customer_no", "column-1": "name", "update_by": "customer_no"}
    checked = browser.send(path, **updating, **{"constant-kind": "个人客户"})

    assert "：客户类型。" in refused.text
    assert "<dd>客户编号</dd>" in checked.text


def test_a_mapping_is_remembered_for_files_with_the_same_headings(browser):
    first = upload(browser, "managers", b"ID,Who\nM1,Wang\n")
    browser.send(f"{address(first)}/mapping", **{"column-0": "manager_no", "column-1": "name"})

    again = upload(browser, "managers", b"ID,Who\nM2,Li\n")

    assert form_of(again.text) == {"column-0": "manager_no", "column-1": "name", "update_by": ""}


def test_what_a_file_holds_is_read_off_its_headings(browser):
    told = {
        "Customers": "名称,类别,手机\n张三,individual,13900001111\n",
        "Account managers": "工号,姓名\nM1,王芳\n",
        "Tracked units": "serial_no,product,model\nS1,光猫,HG\n",
    }

    pages = {what: upload(browser, "", file.encode()).text for what, file in told.items()}

    assert {what: f"<strong>{what}</strong>" in page for what, page in pages.items()} == dict.fromkeys(
        told, True
    )


def test_headings_that_say_nothing_are_asked_about_until_a_file_like_it_was_read(browser):
    refused = upload(browser, "", b"ID,Who\nM1,Wang\n")
    first = upload(browser, "managers", b"ID,Who\nM1,Wang\n")
    browser.send(f"{address(first)}/mapping", **{"column-0": "manager_no", "column-1": "name"})

    again = upload(browser, "", b"ID,Who\nM2,Li\n")

    assert refused.status_code == 400
    assert "The headings do not say what this file holds. Choose it." in refused.text
    assert "<strong>Account managers</strong>" in again.text


def test_a_mapping_that_lacks_a_needed_column_is_refused_and_a_constant_fills_it(browser, importer):
    page = upload(browser, "customers", b"no,name\nC1,Wang\n")
    path = f"{address(page)}/mapping"

    refused = browser.send(path, **{"column-0": "customer_no", "column-1": "name"})
    assert refused.status_code == 400
    assert "lacks columns that Customers need: kind." in refused.text
    form = {"column-0": "customer_no", "column-1": "name", "constant-kind": "individual"}
    checked = browser.send(path, **form)

    assert "Create 1, update 0, leave out 0" in checked.text
    browser.send(f"{address(checked)}/commit")
    assert [customer.kind.value for customer in importer.all(Customer)] == ["individual"]


def test_an_unreadable_file_is_refused_where_it_was_chosen_and_leaves_nothing(browser, importer, runtime):
    page = upload(browser, "customers", b"\xd0\xcf\x11\xe0", name="old.xls")

    assert page.status_code == 400
    assert "Save it as XLSX" in page.text
    assert importer.all(Import) == []
    assert list((runtime.settings.home.files / "imports").iterdir()) == []


def test_a_large_file_is_gone_on_with_by_the_job_and_found_again(browser, importer, runtime, monkeypatch):
    monkeypatch.setattr(working, "AT_ONCE_S", 0.0)
    monkeypatch.setattr("branch_node.imports.operations.CHUNK", 2)
    content = "manager_no,name\n" + "".join(f"M{n},name {n}\n" for n in range(7))
    page = upload(browser, "managers", content.encode())
    checking = browser.send(f"{address(page)}/mapping", **form_of(page.text))
    assert 'class="progress-block"' in checking.text
    assert "You can leave this page" in checking.text

    assert jobs.take_in(runtime, ANA, Progress()).kind is RunOutcome.DONE
    checked = browser.get(address(page))
    assert "Create 7, update 0, leave out 0" in checked.text
    browser.send(f"{address(page)}/commit")
    jobs.take_in(runtime, ANA, Progress())

    assert "Every row was taken" in browser.get(address(page)).text
    assert len(importer.all(Manager)) == 7
    assert jobs.take_in(runtime, ANA, Progress()).kind is RunOutcome.NOTHING


def test_undo_shows_what_it_will_touch_and_the_reasons_when_it_cannot(
    browser, importer, managers, customers, rows
):
    managers()
    taken = customers()
    rows.bill_line(importer.all(Customer)[0].id)
    path = f"/imports/{taken.import_id}/undo"

    assert "records that it created will be deleted" in browser.get(path).text
    refused = browser.send(path)

    assert refused.status_code == 409
    assert "1 records in Bill lines, entered since, need them." in refused.text
    assert len(importer.all(Customer)) == 3


def test_an_upload_can_be_discarded_and_is_forgotten_after_a_week(browser, importer, runtime):
    page = upload(browser, "managers", b"manager_no,name\nM1,Wang\n")
    assert browser.send(f"{address(page)}/discard").status_code == 200
    upload(browser, "managers", b"manager_no,name\nM1,Wang\n")

    outcome = jobs.take_in(runtime, ANA, Progress())
    assert len(importer.all(Import)) == 1
    later = type(ANA)(ANA.at + wizard.KEPT + timedelta(minutes=1), ANA.actor, ANA.via)
    jobs.take_in(runtime, later, Progress())

    assert outcome.kind is RunOutcome.NOTHING
    assert importer.all(Import) == []
    assert list((runtime.settings.home.files / "imports").iterdir()) == []


def test_a_stored_file_that_went_missing_takes_the_import_out_of_work(
    browser, importer, runtime, monkeypatch
):
    monkeypatch.setattr(working, "AT_ONCE_S", 0.0)
    monkeypatch.setattr("branch_node.imports.operations.CHUNK", 1)
    page = upload(browser, "managers", b"manager_no,name\nM1,Wang\nM2,Li\n")
    browser.send(f"{address(page)}/mapping", **form_of(page.text))
    wizard.stored_file(runtime, address(page).split("/")[-1]).unlink()

    outcome = jobs.take_in(runtime, ANA, Progress())

    assert outcome.kind is RunOutcome.FAILED
    assert [record.state for record in importer.all(Import)] == [ImportState.UPLOADED]
    assert "could not be finished" in browser.get(address(page)).text


def test_only_administrators_import(sign_in):
    assert sign_in(StaffKind.ACCOUNT_MANAGER).get("/imports/").status_code == 403


@pytest.mark.parametrize("path", ["/imports/", "/imports/new"])
def test_every_page_opens_in_both_languages(browser, path):
    assert browser.get(path, buffered=True).status_code == 200
    browser.send("/account/language", language="zh_CN")
    assert browser.get(path, buffered=True).status_code == 200


def test_an_xlsx_file_walks_through_too(browser, importer, tmp_path):
    path = tmp_path / "m.xlsx"
    with path.open("wb") as stream:
        columns = [Column("工号", "工号"), Column("姓名", "姓名")]
        write_xlsx(stream, title="经理", columns=columns, rows=[["M1", "王伟"]], about={})
    assert open_table(path).format == "xlsx"

    mapping = upload(browser, "managers", path.read_bytes(), name="m.xlsx")
    checked = browser.send(f"{address(mapping)}/mapping", **form_of(mapping.text))
    browser.send(f"{address(checked)}/commit")

    assert [manager.name for manager in importer.all(Manager)] == ["王伟"]


def test_a_wrong_cell_is_mended_where_it_is_told_and_the_file_checked_again(browser, importer, managers):
    managers()
    file = "customer_no,kind,name,manager_no,mobile\nC1,individual,张三,M9,12\nC2,group,李四,M1,\n".encode()
    mapping = upload(browser, "customers", file)
    checked = browser.send(f"{address(mapping)}/mapping", **form_of(mapping.text))
    assert "Create 1, update 0, leave out 1" in checked.text
    assert 'name="cell-2-3" value="M9"' in checked.text
    again = browser.send(f"{address(mapping)}/mend", **{"cell-2-3": "M2", "cell-2-4": "13800000001"})
    assert "Create 2, update 0, leave out 0" in again.text
    done = browser.send(f"{address(mapping)}/commit")
    assert "Every row was taken" in done.text
    assert [one.mobile for one in importer.all(Customer)] == ["13800000001", None]
    assert importer.all_edits() == 0


def test_rows_that_look_alike_are_named_and_decided_on_the_page(browser, importer):
    file = (
        "customer_no,kind,name,id_no,mobile\nC1,individual,王大力,440103198505056789,13987654321\n"
        "C2,individual,王大力,440103198505056789,13987654321\n"
    ).encode()
    mapping = upload(browser, "customers", file)
    checked = browser.send(f"{address(mapping)}/mapping", **form_of(mapping.text))
    assert "line 2 of this file" in checked.text
    told = browser.send(f"{address(mapping)}/commit")
    assert "1 rows very likely are customers who are here." in told.text
    assert "line 2 of this file" in told.text, "it is the check again, where each can be decided"
    assert importer.all(Customer) == []
    browser.send(
        f"{address(mapping)}/duplicates", **{"choice-3": "leave", "choice-x": "new", "choice-9": "odd"}
    )
    done = browser.send(f"{address(mapping)}/commit")
    assert "Left out, as was chosen" in done.text
    assert [one.customer_no for one in importer.all(Customer)] == ["C1"]
