/* SPDX-License-Identifier: MIT */
/*
 * csv.h - the rows of a results file as a table for other programs (RFC 4180, CRLF).
 */
#ifndef MMB_CSV_H
#define MMB_CSV_H

#include <jansson.h>

/** mmb_csv() - a header and one line for each row, of all lists; the caller frees it. NULL: no memory. */
char *mmb_csv(const json_t *root);

/** mmb_csv_main() - `mmapdemo bench csv`: argv[0] is the name for messages. Exit status. */
int mmb_csv_main(int argc, char **argv);

#endif /* MMB_CSV_H */
