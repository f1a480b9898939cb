"""Imports of files: readers, column mapping, the ledger of verdicts, reports. What `unilead import` stands on.

file ─► reader ─► columns ─► Lead ─► Client.create_many ─► verdict ─► ledger ─► summary, report
"""
