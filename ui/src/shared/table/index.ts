export type { Order, RowsPage, WindowSource } from "./rows";
export { Table, type TableProps } from "./Table";
export type { Column, Sort } from "./useColumns";
