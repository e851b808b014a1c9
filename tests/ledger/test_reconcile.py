"""The ledger beside a provider's bill: formats as their consoles write them, compared no finer than they are."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from llmkit.core.errors import BadRequest
from llmkit.ledger.reconcile import _model, read_bill

sys.path.insert(0, str(Path(__file__).parent))
from books import NOON, accounts, add

OPENAI = """start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source
1795132800,1795219200,2026-11-20T00:00:00+00:00,2026-11-21T00:00:00+00:00,0.300000000000000000000000000000,usd,100,tokens,"gpt-6-luna, input",,,proj_1,org-1,P,O,,
1795132800,1795219200,2026-11-20T00:00:00+00:00,2026-11-21T00:00:00+00:00,0.2,usd,100,tokens,"gpt-6-luna, output",,,proj_1,org-1,P,O,,
1795132800,1795219200,2026-11-20T00:00:00+00:00,2026-11-21T00:00:00+00:00,1.5,usd,100,tokens,"gpt-6-luna-pro, output",,,proj_1,org-1,P,O,,
1795219200,1795305600,2026-11-21T00:00:00+00:00,2026-11-22T00:00:00+00:00,,,,,,,,,,,,,
"""
ANTHROPIC = """usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed,api_key_id,api_key_status
2026-11-20,Claude Sonnet 5.5,Default,k,message,≤ 200k,input_no_cache,0.25,0.25,token,global,standard,apikey_1,active
2026-11-20,Claude Sonnet 5.5,Default,k,message,≤ 200k,output,0.25,0.25,token,global,standard,apikey_1,active
2026-11-20,,Default,k,message,,,0.01,0.01,web_search,,,apikey_1,active
not a day,Claude Sonnet 5.5,Default,k,message,,,0.01,0.01,token,,,apikey_1,active
"""
REPORT = """Date,Service description,Service ID,SKU description,SKU ID,Usage amount,Usage unit,List cost ($),Negotiated savings ($),Savings programs ($),Other savings ($),Unrounded subtotal ($),Subtotal ($)
2026-11-20,Gemini API,AEFD,Generate content input token count gemini 3.8 flash text,911A,"622,403",count,0.30,0.00,0.00,0.00,0.300000,0.30
2026-11-20,Gemini API,AEFD,Generate content output token count gemini 3.8 flash text,2A8D,"260,580",count,0.20,0.00,0.00,0.00,0.200000,0.20
2026-11-20,Compute Engine,6F81,N2 Instance Core running,ABC1,10,hour,"1,250.00",0.00,0.00,0.00,"1,250.000000","1,250.00"
"""
COST_TABLE = """Invoice number,1234567890,
Invoice date,2026-11-30,
Billing account ID,0A0A0A-0B0B0B-0C0C0C,
Currency,{currency},
Currency exchange rate,{rate},
Total amount due,"$1,510.00",
Billing account name,Billing account ID,Project name,Project ID,Project hierarchy,Service description,Service ID,SKU description,SKU ID,Consumption model description,Credit type,Cost type,Usage start date,Usage end date,Usage amount,Usage unit,Unrounded cost ($),Cost ($)
Mine,0A,p,p,,Gemini API,AEFD,Generate_content text output token count for gemini 3.8 flash,911A,Default,,Usage,2026-11-01,2026-11-30,"622,403",count,3.000000,3.00
Mine,0A,p,p,,Vertex AI,C7E2,Gemini 3.8 Flash Text Input - Predictions,2A8D,Default,,Usage,2026-11-01,2026-11-30,100,count,1.500000,1.50
Mine,0A,p,p,,Gemini API,AEFD,Generate_content text output token count for gemini 3.8 flash,911A,Default,Promotion,Usage,2026-11-01,2026-11-30,100,count,-1.500000,-1.50
Mine,0A,p,p,,Compute Engine,6F81,N2 Instance Core running,ABC1,Default,,Usage,2026-11-01,2026-11-30,10,hour,1250.000000,1250.00
,,,,,,,,,,,Rounding error,,,,,-0.003441,-0.00
,,,,,,,,,,,Total,,,,,1509.995,1510.00
"""


@pytest.fixture
def bill(tmp_path):
    def written(text):
        (tmp_path / "bill.csv").write_text(text, "utf-8")
        return tmp_path / "bill.csv"

    return written


@pytest.mark.parametrize(
    ("text", "provider", "model", "name", "billed"),
    [
        (OPENAI, "openai", "gpt-6-luna", "OpenAI", "2.0"),
        (ANTHROPIC, "anthropic", "claude-sonnet-5-5", "Anthropic", "0.51"),
        (REPORT, "gemini", "gemini-3.8-flash", "Gemini", "0.50"),
    ],
)
def test_a_bill_is_compared_by_day_and_model(ledger, bill, text, provider, model, name, billed):
    add(ledger, provider=provider, model=model, cost="0.4", at=NOON)
    add(ledger, provider=provider, model=model, cost="0.1", at=NOON)
    add(ledger, provider=provider, model=model, cost="7", at=NOON - timedelta(days=5))  # before the bill
    add(ledger, provider="groq", model="other", cost="9", at=NOON)
    found = accounts(ledger).reconcile(bill(text))
    assert (found.provider, found.billed, found.ours) == (name, Decimal(billed), Decimal("0.5"))
    line = found.table[found.table["model"] == model].iloc[0]
    assert (line["attempts"], line["billed"], line["ours"], line["difference"]) == (2, 0.5, 0.5, 0)
    assert f"{name}, 2026-11-20" in str(found)
    assert found.table["billed"].sum() == pytest.approx(float(billed))


def test_a_bill_of_a_whole_month_is_compared_by_model_alone(ledger, bill):
    for day in (2, 29):
        add(
            ledger,
            provider="gemini",
            model="gemini-3.8-flash",
            cost="2",
            at=datetime(2026, 11, day, 12, tzinfo=UTC),
        )
    found = accounts(ledger).reconcile(bill(COST_TABLE.format(currency="USD", rate=1)))
    assert (found.since, found.until) == (date(2026, 11, 1), date(2026, 11, 30))
    assert found.table.drop(columns="day").to_dict("records") == [
        {"model": "gemini-3.8-flash", "attempts": 2, "billed": 4.5, "ours": 4.0, "difference": 0.5}
    ]
    assert found.credits == Decimal("-1.5")
    assert "by model alone" in str(found)
    assert "Credits of $1.5000" in str(found)


def test_a_bill_in_another_currency_is_read_at_its_own_rate(ledger, bill):
    found = accounts(ledger).reconcile(bill(COST_TABLE.format(currency="AUD", rate="1.5")))
    assert found.billed == 3  # 4.50 Australian dollars
    with pytest.raises(BadRequest, match="in AUD"):
        read_bill(bill(COST_TABLE.format(currency="AUD", rate="")))
    with pytest.raises(BadRequest, match="in EUR"):
        read_bill(bill(OPENAI.replace(",usd,", ",eur,")))


def test_a_bill_without_models_is_compared_by_day_alone(ledger, bill):
    add(ledger, cost="2.5", at=NOON)
    add(ledger, cost="0.5", model="gpt-6-luna-pro", at=NOON)
    plain = "\n".join(
        line.split('"')[0] + line.split('"')[2] if '"' in line else line for line in OPENAI.splitlines()
    )
    found = accounts(ledger).reconcile(bill(plain))
    assert found.table[["model", "attempts", "billed", "ours"]].to_numpy().tolist() == [["", 2, 2.0, 3.0]]
    assert "by day alone" in str(found)


def test_the_days_of_a_bill_are_those_of_its_own_time_zone(ledger, bill):
    night = datetime(2026, 11, 21, 3, tzinfo=UTC)  # in California, it is still the 20th
    add(ledger, provider="gemini", model="gemini-3.8-flash", cost="0.5", at=night)
    assert accounts(ledger).reconcile(bill(REPORT)).ours == Decimal("0.5")


@pytest.mark.parametrize(
    ("item", "model"),
    [
        ("gpt-5-mini, output", "gpt-5-mini"),
        ("gpt-5-2025-08-07, cached input", "gpt-5"),
        ("gpt-5-nano, input_tokens", "gpt-5-nano"),
        ("Generate content output token count gemini 2.5 flash short input text", "gemini-2.5-flash"),
        ("Generate content input token count gemini 2.5 flash lite long input text", "gemini-2.5-flash-lite"),
        ("Generate_content text input token count for gemini 2.5 flash short", "gemini-2.5-flash"),
        ("Generate content input token count gemini 2.5 flash image flex caching", "gemini-2.5-flash"),
        ("Gemini 2.5 Flash Lite Text Output - Predictions", "gemini-2.5-flash-lite"),
        ("Grounding with Google Search", "Grounding with Google Search"),
        ("Gemini 2.5 Flash Native Image Generation", "Gemini 2.5 Flash Native Image Generation"),
    ],
)
def test_a_line_names_its_model_in_its_own_way(item, model):
    ours = ("gpt-5", "gpt-5-mini", "gemini-2.5-flash", "gemini-2.5-flash-lite")
    known = {name.replace(".", "-"): name for name in ours}
    assert _model(item, known) == model


def test_lines_that_can_not_be_read_are_counted(bill):
    assert read_bill(bill(ANTHROPIC)).skipped == 1


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "\x00\x00", "\n" * 60 + OPENAI])
def test_a_file_that_is_no_known_bill_is_refused(bill, tmp_path, text):
    with pytest.raises(BadRequest, match=r"no format|can't be read"):
        read_bill(bill(text))
    with pytest.raises(BadRequest, match="can't be read"):
        read_bill(tmp_path / "nowhere.csv")
