"""A local Salesforce: the Lead object of one org, its REST calls for one lead and for many, its tokens.

Source: https://developer.salesforce.com/docs/platform/api-rest/guide/intro-rest-resources.html (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from unilead import Call, Response, path_segment, route
from unilead_salesforce.simulator_org import INSTANCE, TOKEN, USER, SalesforceOrg
from unilead_salesforce.simulator_rules import ID, Refusal, invalid, long_id

COMPANY = "Fjord Analytics AS"  # every account is this one
MOST_ROWS, MOST_PARTS = 200, 25
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")


class SalesforceSimulator(SalesforceOrg):
    """Salesforce's lead endpoints, on a single org.

    Attributes:
        can_create: the user may create leads.
        deleted: ids of leads that were deleted.
        shared: external ids that several leads have.
    """

    slug = "salesforce"
    sample_settings = {"instance_url": INSTANCE, "access_token": TOKEN}

    def __init__(self) -> None:
        super().__init__()
        self.can_create = True
        self.deleted: set[str] = set()
        self.shared: set[str] = set()

    # --- one lead -------------------------------------------------------------------------------------------------

    @route("POST", "/services/data/{version}/sobjects/Lead")
    def create(self, call: Call, version: str) -> Response:
        record = self._json(call)
        return self._created(self._store(record, call.headers, version), version)

    @route("GET", "/services/data/{version}/sobjects/Lead/{lead_id}")
    def read(self, call: Call, version: str, lead_id: str) -> Response:
        record = self._found(lead_id)
        wanted = [name for name in call.params.get("fields", "").split(",") if name]
        for name in wanted:
            if not self._is_defined(name):
                raise Refusal(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type Lead")
        shown = {"attributes", "Id", *wanted} if wanted else record.keys()
        return self.answer(200, {name: value for name, value in record.items() if name in shown})

    @route("PATCH", "/services/data/{version}/sobjects/Lead/{lead_id}")
    def update(self, call: Call, version: str, lead_id: str) -> Response:
        record = self._found(lead_id)
        changes = self._json(call)
        self.check(changes, allow_save=_allows_save(call.headers), updated=record["Id"])
        record |= changes
        return self.answer(204)

    @route("DELETE", "/services/data/{version}/sobjects/Lead/{lead_id}")
    def delete(self, call: Call, version: str, lead_id: str) -> Response:
        record = self._found(lead_id)
        self.deleted.add(record["Id"])
        del self.leads[record["Id"]]
        return self.answer(204)

    @route("PATCH", "/services/data/{version}/sobjects/Lead/{field}/{value}")
    def upsert(self, call: Call, version: str, field: str, value: str) -> Response:
        changes = self._json(call)
        self._check_key(field)
        if field in changes:
            raise invalid("INVALID_FIELD", "The external id field in the URI must not be specified in the body", field)
        numbers = self._with_key(field, value)
        if len(numbers) > 1:
            return self.answer(300, [f"/services/data/{version}/sobjects/Lead/{number}" for number in numbers])
        stored, created = self._upserted(field, {**changes, field: value}, call.headers, version)
        if created:
            return self._created(stored, version, created=True)
        return self.answer(200, {"id": stored["Id"], "success": True, "errors": [], "created": False})

    @route("GET", "/services/data/{version}/sobjects/Account/{account_id}")
    def account(self, call: Call, version: str, account_id: str) -> Response:
        if not ID.fullmatch(account_id) or not account_id.startswith("001") or not self.exists(account_id):
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        url = f"/services/data/{version}/sobjects/Account/{long_id(account_id)}"
        record = {"attributes": {"type": "Account", "url": url}, "Name": COMPANY, "Id": long_id(account_id)}
        return self.answer(200, record)

    # --- many leads -----------------------------------------------------------------------------------------------

    @route("POST", "/services/data/{version}/composite/sobjects")
    def create_several(self, call: Call, version: str) -> Response:
        body = self._json(call)
        before = dict(self.leads)
        rows = [self._row(record, call.headers, version) for record in _records(body)]
        if body.get("allOrNone") is True and not all(row["success"] for row in rows):
            self.leads = before
            text = "Record rolled back because not all records were valid and the request was using AllOrNone header"
            undone = Refusal(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", text, ()).body("statusCode")
            rows = [{"success": False, "errors": [undone]} if row["success"] else row for row in rows]
        return self.answer(200, rows)

    @route("PATCH", "/services/data/{version}/composite/sobjects/Lead/{field}")
    def upsert_several(self, call: Call, version: str, field: str) -> Response:
        records = _records(self._json(call))
        self._check_key(field)
        keys = Counter(str(record.get(field)) for record in records if isinstance(record, dict))
        again = {key for key, number in keys.items() if number > 1}
        return self.answer(200, [self._row(record, call.headers, version, field, again) for record in records])

    @route("POST", "/services/data/{version}/composite")
    def composite(self, call: Call, version: str) -> Response:
        body = self._json(call)
        parts = body.get("compositeRequest")
        if not isinstance(parts, list) or not 0 < len(parts) <= MOST_PARTS:
            raise Refusal(400, "JSON_PARSER_ERROR", f"compositeRequest must list 1 to {MOST_PARTS} subrequests")
        before, answers = dict(self.leads), dict[str, Response]()
        for part in parts:
            match part:
                case {"referenceId": str(name), "method": str(), "url": str()}:
                    answers[name] = self._part(part, answers, call)
                case _:
                    raise Refusal(400, "JSON_PARSER_ERROR", "A subrequest needs method, url and referenceId")
        if body.get("allOrNone") is True and any(answer.status >= 400 for answer in answers.values()):
            self.leads = before
            answers = {name: answer if answer.status >= 400 else _halted(name) for name, answer in answers.items()}
        return self.answer(200, {"compositeResponse": [_part_of(name, answer) for name, answer in answers.items()]})

    @route("POST", "/services/data/{version}/composite/sobjects/Lead")
    def read_several(self, call: Call, version: str) -> Response:
        body = self._json(call)
        shown = {"attributes", "Id", *body.get("fields", ())}
        found = [self.leads.get(long_id(number[:15])) for number in body.get("ids", ())]
        return self.answer(200, [lead and {name: lead[name] for name in lead if name in shown} for lead in found])

    @route("GET", "/services/data/{version}/query")
    def query(self, call: Call, version: str) -> Response:
        text = call.params.get("q", "")
        named = re.search(r"\bFROM\s+(\w+)", text, re.IGNORECASE)
        if named is None:
            raise Refusal(400, "MALFORMED_QUERY", "unexpected token: '<EOF>'")
        if named[1].lower() != "lead":
            raise Refusal(400, "INVALID_TYPE", f"sObject type '{named[1]}' is not supported.")
        wanted = re.findall(r"'([^']*)'", text) if "where" in text.lower() else None
        records = [lead for lead in self.leads.values() if wanted is None or lead["Id"] in wanted]
        return self.answer(200, {"totalSize": len(records), "done": True, "records": records})

    # --- carrying out ---------------------------------------------------------------------------------------------

    def _json(self, call: Call) -> dict[str, Any]:
        kind = call.headers.get("content-type", "").partition(";")[0]
        if call.body and kind != "application/json":
            raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"Content type {kind} is not supported")
        try:
            body = call.json
        except ValueError:
            raise Refusal(400, "JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]") from None
        if not isinstance(body, dict):
            raise Refusal(400, "JSON_PARSER_ERROR", "The HTTP entity body is required, and must be an object")
        return body

    def _store(self, record: Mapping[str, Any], headers: Mapping[str, str], version: str) -> dict[str, Any]:
        """Check and keep a lead. Returns: it as it was kept."""
        if not self.can_create:
            raise Refusal(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id")
        fields = {name: value for name, value in record.items() if name != "attributes"}
        self.check(fields, allow_save=_allows_save(headers))
        number = long_id(f"00Q5e{self.next_number():010d}")
        moment = self.now().isoformat(timespec="milliseconds").replace("+00:00", "+0000")
        owner = long_id(str(fields.get("OwnerId") or USER)[:15])
        whole = " ".join(str(fields[name]) for name in ("FirstName", "LastName") if fields.get(name))
        empty = dict.fromkeys(
            ("FirstName", "Title", "Street", "City", "State", "PostalCode", "Country", "Phone", "MobilePhone", "Fax",
             "Email", "Website", "LeadSource", "Industry", "NumberOfEmployees", "ConvertedDate", "ConvertedAccountId",
             "ConvertedContactId", "LastActivityDate")
        )  # fmt: skip
        self.leads[number] = {
            "attributes": {"type": "Lead", "url": f"/services/data/{version}/sobjects/Lead/{path_segment(number)}"},
            "Id": number,
            "IsDeleted": False,
            **empty,
            "Status": "Open - Not Contacted",
            "IsConverted": False,
            **{name: value if value != "" else None for name, value in fields.items()},
            "Name": whole,
            "OwnerId": owner,
            "CreatedDate": moment,
            "LastModifiedDate": moment,
            "SystemModstamp": moment,
        }
        return self.leads[number]

    def _row(
        self, record: Any, headers: Mapping[str, str], version: str, field: str = "", again: Container[str] = ()
    ) -> dict[str, Any]:
        """Carry out one record of several; with a field it is an upsert, refused where others have its external id."""
        try:
            about = record.get("attributes") if isinstance(record, dict) else None
            if not isinstance(about, dict) or about.get("type") != "Lead":
                raise Refusal(400, "INVALID_TYPE", "sObject type is not supported in this collection", ())
            if not field:
                return {"id": self._store(record, headers, version)["Id"], "success": True, "errors": []}
            if str(record.get(field)) in again:
                raise invalid("DUPLICATE_VALUE", f"Duplicate external id specified: {record.get(field)}", field)
            stored, created = self._upserted(field, record, headers, version)
        except Refusal as refusal:
            return {"success": False, "errors": [{"fields": [], **refusal.body("statusCode")}]}
        return {"id": stored["Id"], "success": True, "errors": [], "created": created}

    def _upserted(
        self, field: str, record: Mapping[str, Any], headers: Mapping[str, str], version: str
    ) -> tuple[dict[str, Any], bool]:
        """Change the lead that has the record's external id, or keep a new one. Returns: it, and whether it is new."""
        numbers = self._with_key(field, record.get(field))
        if len(numbers) > 1:
            raise invalid("DUPLICATE_EXTERNAL_ID", f"{field}: more than one record found for external id field", field)
        if not numbers:
            return self._store(record, headers, version), True
        changes = {name: value for name, value in record.items() if name not in ("attributes", field)}
        self.check(changes, allow_save=_allows_save(headers), updated=numbers[0])
        self.leads[numbers[0]] |= changes
        return self.leads[numbers[0]], False

    def _check_key(self, field: str) -> None:
        if field not in self.unique and field != "Email":
            raise Refusal(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {field}")

    def _with_key(self, field: str, value: Any) -> list[str]:
        """The ids of the leads with an external id."""
        if isinstance(value, str) and value in self.shared:
            return ["00Q5e00000AbCdEEAV", "00Q5e00000AbCdFEAV"]
        return [lead["Id"] for lead in self.leads.values() if lead.get(field) == value]

    def _part(self, part: Mapping[str, Any], answers: Mapping[str, Response], call: Call) -> Response:
        """Carry out one part of a Composite call, with references to the earlier answers filled in."""
        name = part["referenceId"]
        try:
            url = urlsplit(_filled(part["url"], answers))
            body = _filled(part.get("body"), answers)
        except KeyError:
            return _halted(name)
        given = part.get("httpHeaders")
        headers = {key.lower(): str(value) for key, value in given.items()} if isinstance(given, dict) else {}
        if any(key in headers for key in ("accept", "authorization", "content-type")):
            raise Refusal(400, "INVALID_HTTP_HEADERS", "Subrequests inherit these headers")
        inherited = {key: call.headers[key] for key in ("authorization", "content-type") if key in call.headers}
        sent = Response.of(200, body).body if body is not None else b""
        self.used -= 1  # a Composite call counts once, whatever it holds
        return self._dispatch(
            Call(part["method"], url.path, tuple(parse_qsl(url.query)), {**inherited, **headers}, sent)
        )

    def _found(self, lead_id: str) -> dict[str, Any]:
        number = long_id(lead_id[:15]) if ID.fullmatch(lead_id) else ""
        if number in self.deleted:
            raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted", ())
        if number not in self.leads:
            text = f"Provided external ID field does not exist or is not accessible: {lead_id}"
            raise Refusal(404, "NOT_FOUND", text)
        return self.leads[number]

    def _created(self, record: Mapping[str, Any], version: str, **more: Any) -> Response:
        place = {"Location": f"/services/data/{version}/sobjects/Lead/{record['Id']}"}
        return self.answer(201, {"id": record["Id"], "success": True, "errors": [], **more}, place)


def _records(body: Mapping[str, Any]) -> list[Any]:
    """The records of a call that carries several. Raises: Refusal."""
    records = body.get("records")
    if not isinstance(records, list) or not records:
        raise Refusal(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(records) > MOST_ROWS:
        text = f"record limit reached. cannot submit more than {MOST_ROWS} records into this call"
        raise Refusal(400, "EXCEEDED_ID_LIMIT", text)
    return records


def _allows_save(headers: Mapping[str, str]) -> bool:
    return "allowsave=true" in headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()


def _halted(name: str) -> Response:
    text = f"The transaction was rolled back since another operation in the same transaction failed, or {name} needs it"
    return Response.of(400, [Refusal(400, "PROCESSING_HALTED", text).body()])


def _part_of(name: str, answer: Response) -> dict[str, Any]:
    place = {"Location": answer.headers["location"]} if "location" in answer.headers else {}
    return {"body": answer.json, "httpHeaders": place, "httpStatusCode": answer.status, "referenceId": name}


def _filled(value: Any, answers: Mapping[str, Response]) -> Any:
    """Fill references such as ``@{acct.Name}`` in every text. Raises: KeyError for one that leads nowhere."""
    if isinstance(value, dict):
        return {name: _filled(item, answers) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, answers) for item in value]
    return _REFERENCE.sub(lambda found: _looked_up(found, answers), value) if isinstance(value, str) else value


def _looked_up(found: re.Match[str], answers: Mapping[str, Response]) -> str:
    answer = answers[found[1]]
    value = answer.json
    if answer.status >= 400:
        raise KeyError(found[1])
    for step in re.findall(r"\w+", found[2]):
        value = value[int(step) if isinstance(value, list) else step]
    return str(value)
