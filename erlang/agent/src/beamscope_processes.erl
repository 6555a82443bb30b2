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

-include("beamscope_process_scan.hrl").
-include("beamscope_process_row.hrl").

-type page_spec() :: #{
    %% Rows are sorted by `{Value, Pid}', so no two are equal. With `pid' the value is the pid.
    sort := key() | pid | name(),
    %% `descending' by default.
    order => ascending | descending,
    items := [item()],
    %% The `next' of the page before, or one of its `places', in external format too: rows begin behind it.
    'after' => {term(), pid()} | binary(),
    atom() => term()
}.
%% These, `limits()' and `filters()'.

-type page() :: #{
    %% `{Pid, Item1, Item2, ...}', in the order of `items'. The item that was sorted by has the value that it was ranked
    %% with; the others are read when the scan is over.
    rows := [tuple()],
    %% Of each row `{Value, Pid}', where they ascend.
    places => [{term(), pid()}],
    %% All processes that there are but the asking one, which never counts.
    total := non_neg_integer(),
    %% Processes looked at: with `name' those that are registered so, else all.
    seen := non_neg_integer(),
    %% Those that pass the filters, on all pages.
    matched := non_neg_integer(),
    %% Those that ended while they were looked at.
    gone := non_neg_integer(),
    unmeasured := unmeasured(),
    large := non_neg_integer(),
    undecided := undecided(),
    incomplete := [missing()],
    next := undefined | {term(), pid()}
}.

%% @doc The processes that pass the filters, in the order of a key, a page at a time: a packed `page()'.
-spec page(page_spec()) -> binary().
page(#{sort := Sort, limit := Limit, deadline_ms := Deadline} = Spec) when
    is_integer(Limit), Limit >= 1, Limit =< 1000
->
    Bounds = bounds(Deadline, Spec),
    Plan = plan(Spec, Bounds),
    Order = maps:get(order, Spec, descending),
    Behind = past(Order, Spec),
    Merge = fun(Pids, {Values, Ended, Longer}, {Seen, Matched, Remaining, Gone, Long, Top}) ->
        Candidates = ets:match_spec_run(Values, Behind),
        {
            Seen + length(Pids),
            Matched + length(Values),
            Remaining + length(Candidates),
            Gone + Ended,
            unread(Longer, Long),
            first(Order, Candidates, Limit, Top)
        }
    end,
    Start = {0, 0, 0, 0, {0, [], {0, 0}, {0, []}}, []},
    {{Seen, Matched, Remaining, Gone, Unread, Top}, Why, Slow} =
        survey(fun others/2, population(Spec), Bounds, {measure, Plan}, Merge, Start),
    Sorted =
        case Order of
            ascending -> Top;
            descending -> lists:reverse(Top)
        end,
    {Shown, Late} = told(Sorted, Slow, bounds(Deadline div 6, Spec), Sort, Plan),
    {Places, Rows} = lists:unzip(Shown),
    Told = #{
        rows => Rows,
        total => in_all(Spec, Why, Seen - Gone),
        seen => Seen,
        matched => Matched,
        gone => Gone + length(Top) - length(Rows),
        incomplete => Why ++ Late ++ unseen(Unread, Plan),
        next =>
            case Remaining > Limit of
                true -> lists:last(Sorted);
                false -> undefined
            end
    },
    packed(maps:merge(unread_of(Unread), maps:merge(Told, maps:from_list([{places, Places} || Order =:= ascending])))).

look_at({measure, Plan}, Pids) -> measure(Pids, Plan);
look_at({rows, Sort, Plan}, Top) -> rows_with_copies(Top, Sort, Plan).

%% The first so far, in ascending order.
first(descending, Rows, Limit, Top) -> best(Rows, Limit, Top);
first(ascending, Rows, Limit, Top) -> lists:sublist(lists:merge(Top, lists:sort(Rows)), Limit).

%% Passes the values behind the cursor.
past(Order, #{'after' := Last}) ->
    Comes = map_get(Order, #{ascending => '>', descending => '<'}),
    ets:match_spec_compile([{'_', [{Comes, '$_', {const, place(Last)}}], ['$_']}]);
past(_, _) ->
    ets:match_spec_compile([{'_', [], ['$_']}]).

place(Place) when is_tuple(Place) ->
    Place;
place(Packed) ->
    try
        binary_to_term(Packed, [safe])
    catch
        error:badarg -> error(bad_position)
    end.

rows(Top, Sort, Plan) ->
    [{Place, list_to_tuple([Pid | Row])} || {Value, Pid} = Place <- Top, Row <- row(Pid, ranked_by(Sort, Value), Plan)].

%% What was not read to rank a process may be read to tell of it.
ranked_by(_, [unread]) -> #{};
ranked_by(Sort, Value) -> #{Sort => Value}.
