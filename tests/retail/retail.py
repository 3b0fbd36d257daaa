"""What the integration test of real order lines compares with. Reads online-retail-30k.csv.

usage: retail.py rows|customers|sums FILE

rows       each line as a JSON object with the types that the file has: Quantity a whole number, UnitPrice a number,
           the rest text; a missing CustomerID is null
customers  the customers with at least 3 invoices in the 90 days before 1 December 2011 and nothing cancelled in them
sums       over the lines that have a customer: the sum of Quantity, and of Quantity times UnitPrice
"""

import csv
import json
import sys

CUSTOMERS = """
SELECT CAST(CAST(CustomerID AS DOUBLE) AS BIGINT)::VARCHAR AS customer
FROM lines
WHERE CustomerID IS NOT NULL
  AND InvoiceDate >= TIMESTAMP '2011-12-01' - INTERVAL 90 DAY
  AND InvoiceDate < TIMESTAMP '2011-12-01'
GROUP BY ALL
HAVING count(DISTINCT InvoiceNo) FILTER (WHERE NOT starts_with(InvoiceNo, 'C')) >= 3
  AND NOT bool_or(starts_with(InvoiceNo, 'C'))
ORDER BY 1
"""

SUMS = "SELECT sum(Quantity), sum(Quantity * UnitPrice) FROM lines WHERE CustomerID IS NOT NULL"


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            line["Quantity"] = int(line["Quantity"])
            line["UnitPrice"] = float(line["UnitPrice"])
            line["CustomerID"] = line["CustomerID"] or None
            print(json.dumps(line))


def ask(path, sql):
    import duckdb

    types = {
        "InvoiceNo": "VARCHAR",
        "StockCode": "VARCHAR",
        "Description": "VARCHAR",
        "Quantity": "BIGINT",
        "InvoiceDate": "TIMESTAMP",
        "UnitPrice": "DOUBLE",
        "CustomerID": "VARCHAR",
        "Country": "VARCHAR",
    }
    connection = duckdb.connect()
    lines = connection.read_csv(path, header=True, columns=types)
    connection.register("lines", lines)
    return connection.execute(sql).fetchall()


def main():
    what, path = sys.argv[1:]
    if what == "rows":
        rows(path)
    elif what == "customers":
        for (customer,) in ask(path, CUSTOMERS):
            print(customer)
    elif what == "sums":
        for value in ask(path, SUMS)[0]:
            print(f"{value:.2f}")
    else:
        sys.exit(f"unknown: {what}")


if __name__ == "__main__":
    main()
