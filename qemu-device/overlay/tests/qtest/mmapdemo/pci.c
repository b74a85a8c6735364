/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: see pci.h.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qjson.h"
#include "pci.h"

static QDict *parse(const char *json)
{
    return qobject_to(QDict, qobject_from_json(json, &error_abort));
}

void device_plug(QTestState *qts, const char *id, const char *props)
{
    QDict *args = parse(props);

    qdict_put_str(args, "id", id);
    qtest_qmp_device_add_qdict(qts, "mmapdemo", args);
    qobject_unref(args);
}

void expect_refusal(QTestState *qts, const char *props, const char *says)
{
    QDict *args = parse(props), *rsp, *error;
    const char *desc;

    qdict_put_str(args, "driver", "mmapdemo");
    qdict_put_str(args, "id", "refused");
    rsp = qtest_qmp(qts, "{ 'execute': 'device_add', 'arguments': %p }", args);
    error = qdict_get_qdict(rsp, "error");
    if (!error) {
        g_error("%s was accepted", props);
    }
    desc = qdict_get_str(error, "desc");
    if (!strstr(desc, says)) {
        g_error("%s was refused with '%s', which does not say '%s'", props,
                desc, says);
    }
    qobject_unref(rsp);
}

void set_property_of(QTestState *qts, const char *id, const char *name,
                     const char *json)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", id);
    QObject *val = qobject_from_json(json, &error_abort);

    qtest_qmp_assert_success(qts, "{ 'execute': 'qom-set', 'arguments': {"
                             " 'path': %s, 'property': %s, 'value': %p } }",
                             path, name, val);
}

void set_property(MmdTest *t, const char *name, const char *json)
{
    set_property_of(t->qts, "mmd0", name, json);
}

char *get_property(MmdTest *t, const char *name)
{
    QDict *rsp = qtest_qmp(t->qts, "{ 'execute': 'qom-get', 'arguments': {"
                           " 'path': '/machine/peripheral/mmd0',"
                           " 'property': %s } }", name);
    g_autoptr(GString) text = qobject_to_json(qdict_get(rsp, "return"));

    qobject_unref(rsp);
    return g_strdup(text->str);
}
