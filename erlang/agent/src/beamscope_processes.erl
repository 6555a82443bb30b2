%% @doc Questions about all processes of this node, answered where the processes are: what leaves the node is the
%% answer, not the rows that it was picked from. It leaves packed (see `packed'): rows say the same atoms again and
%% again, the name of the node with each pid, and shrink to a fifth and less. Here they are listed page by page; how they
%% grow and what groups of them hold is asked of `beamscope_process_growth' and `beamscope_process_groups'.
%%
%% This source runs in two ways with the same answers: compiled and loaded, or as abstract forms that `erl_eval'
%% evaluates while nothing is loaded. Hence its style. What happens once per process is a BIF handed to a list BIF, or
%% a match specification; the code here runs once per portion of processes, or once per row of the answer. A
%% comprehension over rows stands in a function of its own: each step costs erl_eval the square of the number of
%% variables in scope (measured: 5 microseconds with four of them, 140 with twenty). No bit syntax (a beam that matches
%% binaries does not load on later releases), no records, no recursion by way of other functions, no `?MODULE', no syntax
%% newer than OTP 23. What modules share stands in include files, since each has a copy of its own.
-module(beamscope_processes).

-export([page/1]).

-export_type([page_spec/0, page/0]).

-include("beamscope_listing.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_process_facts.hrl").
-include("beamscope_process_filter.hrl").
-include("beamscope_process_scan.hrl").
-include("beamscope_process_row.hrl").

-type page_spec() :: #{
    %% Rows descend by `{Value, Pid}', so no two are equal. With `pid' the value is the pid.
    sort := key() | pid,
    items := [item()],
    %% The `next' of the page before: rows begin behind it.
    'after' => {term(), pid()},
    atom() => term()
}.
%% These, `limits()' and `filters()'.

-type page() :: #{
    %% `{Pid, Item1, Item2, ...}', in the order of `items'. The item that was sorted by has the value that it was ranked
    %% with; the others are read when the scan is over.
    rows := [tuple()],
    %% All processes that there are but the asking one, which never counts.
    total := non_neg_integer(),
    %% Processes looked at: with `name' those that are registered so, else all.
    seen := non_neg_integer(),
    %% Those that pass the filters, on all pages.
    matched := non_neg_integer(),
    %% Those that ended while they were looked at.
    gone := non_neg_integer(),
    unmeasured := unmeasured(),
    undecided := undecided(),
    incomplete := [missing()],
    next := undefined | {term(), pid()}
}.

%% @doc The processes that pass the filters, in descending order of a key, a page at a time: a packed `page()'.
-spec page(page_spec()) -> binary().
page(#{sort := Sort, limit := Limit, deadline_ms := Deadline} = Spec) when
    is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Bounds = Spec#{until => now_ms() + Deadline},
    Plan = plan(Spec),
    Behind = behind(Spec),
    Step = fun(Pids, {Seen, Matched, Remaining, Gone, Long, Top}) ->
        {Values, Ended, Longer} = measure(Pids, Plan),
        Candidates = ets:match_spec_run(Values, Behind),
        {
            Seen + length(Pids),
            Matched + length(Values),
            Remaining + length(Candidates),
            Gone + Ended,
            unread(Longer, Long),
            best(Candidates, Limit, Top)
        }
    end,
    {{Seen, Matched, Remaining, Gone, Unread, Top}, Why} =
        scan(fun others/1, population(Spec, Step), Bounds, Step, {0, 0, 0, 0, {0, [], 0, {0, []}}, []}),
    Rows = rows(lists:reverse(Top), Sort, Plan),
    Told = #{
        rows => Rows,
        total => erlang:system_info(process_count) - 1,
        seen => Seen,
        matched => Matched,
        gone => Gone + length(Top) - length(Rows),
        incomplete => Why ++ unseen(Unread, Plan),
        next =>
            case Remaining > Limit of
                true -> hd(Top);
                false -> undefined
            end
    },
    packed(maps:merge(unread_of(Unread), Told)).

%% Passes the values behind the cursor.
behind(#{'after' := Last}) -> ets:match_spec_compile([{'_', [{'<', '$_', {const, Last}}], ['$_']}]);
behind(_) -> ets:match_spec_compile([{'_', [], ['$_']}]).

rows(Top, Sort, Plan) ->
    Bounded = Plan#{most_heap => most_heap(Top)},
    [list_to_tuple([Pid | Row]) || {Value, Pid} <- Top, Row <- row(Pid, #{Sort => Value}, Bounded)].
