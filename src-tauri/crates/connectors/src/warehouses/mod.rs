//! Warehouses: tables that others keep.
