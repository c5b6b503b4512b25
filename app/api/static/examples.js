// Texts to try it on.

export const EXAMPLES = [
  {
    title: "Report of an outage",
    text: `On the morning of 12 May the checkout of our web shop was unavailable for most customers for a little under an hour. This is an account of what happened, why it took us so long to notice, and what we intend to do about it. Nobody did anything unreasonable that day, and the point of writing this is not to find somebody to blame.

At 08:52 UTC a new version of the pricing service, 4.18.0, was rolled out to the cluster in Frankfurt. It contained a change that had been reviewed and tested as usual. What the tests could not show was that the new version opens a separate database connection for every request when the cache is cold. Within six minutes all 400 connections of the primary database were in use, and the checkout began to answer with error 503.

The first alert fired at 09:07, but it went to a channel that nobody watches before ten o'clock. It was only when a colleague in support, Dana Whitfield, called the engineer on duty at 09:21 that we began to look into it. The engineer suspected the payment provider at first, since there had been trouble with it in the week before, and spent about ten minutes on the phone with them. At 09:41 the pricing service was rolled back to 4.17.3, and at 09:46 everything was working again.

In total 2,318 orders failed, of which about two thirds were placed again later in the day. We estimate the loss of revenue at 41,000 dollars. No customer data was lost or exposed at any time. From now on alerts of this kind page the engineer on duty, the pool is limited to 40 connections for each instance, and a cold cache is part of the load test. The roll-out of 4.18.0 will not be repeated unless the load test has passed.`,
  },
  {
    title: "Mail, and a question about it",
    question: "When do the jackets arrive, and who pays for the delay?",
    text: `Hi Priya,

thanks for getting back to me so quickly, and sorry that I could not pick up the phone yesterday afternoon. I was on the train and the line kept dropping every couple of minutes, which was as annoying for me as I am sure it was for you.

To sum up where we are with the spring collection: the fabric for the jackets is going to be late. Marchetti Tessuti have told us that the second batch, which is 2,400 metres of the navy twill, will not leave their mill before 14 March, because one of their looms broke down and the spare part has to come from Japan. The first batch of 1,100 metres is already in Porto and is fine as far as we can see, so the sewing can begin as planned on 3 March with that.

What this means for you is that we can deliver 650 jackets by the end of March, as agreed, but the remaining 1,350 will only arrive in the week of 21 April. I know that this is not what you were hoping to hear just before the season starts. We would of course carry the extra cost of air freight, which I expect to be around EUR 4,800, and Tomás suggested that we also take 3% off the invoice for the whole order PO-77410 as a sign of good will.

If the delay is a problem for your Manchester store, we could send that one its full share first. Please do not announce the launch date to the press until I have it in writing from the mill, which should be on Friday at the latest. Let me know what you think, and say hello to everybody in the team for me.

Best wishes,
Helena Duarte
Nordwind Apparel
+351 22 555 0147`,
  },
  {
    title: "Log of a server",
    text: `2025-03-18 02:10:04.112 INFO  [main] payd 4.7.2 starting, config /etc/payd/payd.toml
2025-03-18 02:10:04.590 INFO  [main] connected to postgres pay-db-02.int.kestrelpay.net:5432
2025-03-18 02:10:04.733 INFO  [main] listening on 0.0.0.0:8443
2025-03-18 02:10:34.001 INFO  [health] ok db=3ms queue=0
2025-03-18 02:11:04.002 INFO  [health] ok db=3ms queue=0
2025-03-18 02:11:17.455 INFO  [worker-3] settled batch 88120 (41 payments)
2025-03-18 02:11:34.001 INFO  [health] ok db=4ms queue=2
2025-03-18 02:12:04.003 INFO  [health] ok db=3ms queue=0
2025-03-18 02:12:19.870 INFO  [worker-1] settled batch 88121 (37 payments)
2025-03-18 02:12:34.001 INFO  [health] ok db=5ms queue=1
2025-03-18 02:13:04.002 INFO  [health] ok db=61ms queue=14
2025-03-18 02:13:21.338 WARN  [db-pool] 19 of 20 connections in use, waiters=6
2025-03-18 02:13:34.004 INFO  [health] ok db=420ms queue=88
2025-03-18 02:13:41.907 WARN  [worker-2] batch 88122 slow: 22.4 s (limit 10 s)
2025-03-18 02:13:52.116 ERROR [worker-2] batch 88122 failed: SQLSTATE 40P01 deadlock detected, table ledger_entries
2025-03-18 02:13:52.120 INFO  [worker-2] batch 88122 rolled back, retry 1/3 in 5 s
2025-03-18 02:13:58.774 ERROR [worker-2] batch 88122 failed: SQLSTATE 40P01 deadlock detected, table ledger_entries
2025-03-18 02:13:58.779 INFO  [worker-2] batch 88122 rolled back, retry 2/3 in 10 s
2025-03-18 02:14:04.002 INFO  [health] degraded db=1310ms queue=203
2025-03-18 02:14:09.541 INFO  [db-pool] blocking pid 27714 application=nightly_reindex
2025-03-18 02:14:11.660 INFO  [worker-2] batch 88122 settled on retry 2 (52 of 53 payments)
2025-03-18 02:14:11.664 ERROR [worker-2] payment pm_7Qx91LdA not settled: acquirer answered 96, NOT retried, needs manual review
2025-03-18 02:14:34.001 INFO  [health] ok db=9ms queue=31
2025-03-18 02:15:04.002 INFO  [health] ok db=3ms queue=0
2025-03-18 02:15:20.318 INFO  [worker-1] settled batch 88123 (40 payments)
2025-03-18 02:15:34.001 INFO  [health] ok db=3ms queue=0
2025-03-18 02:15:40.087 WARN  [tls] certificate for api.kestrelpay.net expires in 6 days (2025-03-24)
2025-03-18 02:16:04.002 INFO  [health] ok db=3ms queue=0
2025-03-18 02:16:22.951 INFO  [worker-3] settled batch 88124 (44 payments)
2025-03-18 02:16:34.001 INFO  [health] ok db=4ms queue=1`,
  },
];
